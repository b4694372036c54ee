#include "daemon/mlflow/registration/model_choice.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using Ids = std::vector<std::string>;
using Values = std::map<std::string, std::string>;

LoggedModel model(std::string id, std::int64_t created, std::string status,
                  const std::string& instance = "") {
  LoggedModel model;
  model.model_id = std::move(id);
  model.creation_timestamp = created;
  model.status = std::move(status);
  if (!instance.empty()) model.tags[kInstanceTag] = instance;
  return model;
}

std::string winner(const std::vector<LoggedModel>& models) {
  const ModelChoice choice = choose_model(models, "mine");
  return choice.winner == nullptr ? "none" : choice.winner->model_id;
}

TEST(ModelChoice, WithoutModelsNobodyWins) {
  EXPECT_EQ(winner({}), "none");
  EXPECT_FALSE(choose_model({}, "mine").only_failed);
}

TEST(ModelChoice, TheOldestReadyWins) {
  EXPECT_EQ(winner({model("a", 3, "READY"), model("b", 2, "READY"), model("c", 1, "PENDING")}),
            "b");
}

TEST(ModelChoice, ElseTheOldestPending) {
  EXPECT_EQ(winner({model("a", 3, "PENDING"), model("b", 2, "PENDING")}), "b");
  EXPECT_EQ(winner({model("a", 1, "UNSPECIFIED"), model("b", 2, "PENDING")}), "a");
}

TEST(ModelChoice, OfOneTimeTheSmallerIdWins) {
  EXPECT_EQ(winner({model("b", 1, "PENDING"), model("a", 1, "PENDING")}), "a");
}

TEST(ModelChoice, AFailedOneNeverWins) {
  EXPECT_EQ(winner({model("a", 1, "UPLOAD_FAILED"), model("b", 2, "PENDING")}), "b");
  const std::vector<LoggedModel> failed = {model("a", 1, "UPLOAD_FAILED")};
  EXPECT_EQ(winner(failed), "none");
  EXPECT_TRUE(choose_model(failed, "mine").only_failed);
}

TEST(ModelChoice, NamesOnlyOwnLosers) {
  const std::vector<LoggedModel> models = {
      model("a", 1, "READY", "mine"),   model("b", 2, "READY", "mine"),
      model("c", 3, "PENDING", "mine"), model("d", 4, "PENDING", "another"),
      model("e", 5, "PENDING"),         model("f", 6, "UPLOAD_FAILED", "mine")};
  const ModelChoice choice = choose_model(models, "mine");
  EXPECT_EQ(choice.winner->model_id, "a");
  EXPECT_EQ(choice.own_ready_losers, Ids{"b"});
  EXPECT_EQ(choice.own_pending_losers, Ids{"c"});
}

TEST(ModelChoice, WithoutAnInstanceNothingIsOwn) {
  LoggedModel untagged = model("b", 2, "PENDING");
  untagged.tags[kInstanceTag] = "";
  const std::vector<LoggedModel> models = {model("a", 1, "READY"), untagged};
  EXPECT_EQ(choose_model(models, "").own_pending_losers, Ids{});
}

struct CompareTest : testing::Test {
  LoggedModel stored = model("a", 1, "READY");
  LinkDefinition link;

  ModelDifference difference() const { return compare(stored, link); }
};

TEST_F(CompareTest, WhatIsThereAlreadyIsNotSent) {
  link.params = stored.params = {{"llm", "gpt"}};
  link.tags = stored.tags = {{"team", "ml"}};
  link.type = stored.model_type = "agent";
  EXPECT_EQ(difference().missing_params, Values{});
  EXPECT_EQ(difference().tags_to_set, Values{});
  EXPECT_EQ(difference().warnings, Ids{});
}

TEST_F(CompareTest, MissingParamsAreSentAndDifferentOnesReported) {
  stored.params = {{"llm", "gpt"}};
  link.params = {{"llm", "claude"}, {"temperature", "0.7"}};
  EXPECT_EQ(difference().missing_params, (Values{{"temperature", "0.7"}}));
  EXPECT_EQ(difference().warnings,
            Ids{"param llm of the model is \"gpt\" on the server and \"claude\" here; not "
                "overwritten: a different value means a different version"});
}

TEST_F(CompareTest, TagsAreUpserted) {
  stored.tags = {{"team", "old"}, {"theirs", "stays"}};
  link.tags = {{"team", "new"}, {"region", "eu"}};
  EXPECT_EQ(difference().tags_to_set, (Values{{"region", "eu"}, {"team", "new"}}));
  EXPECT_EQ(difference().warnings, Ids{});
}

TEST_F(CompareTest, FactsAboutTheSourceAreNeverOverwritten) {
  for (const std::string fact :
       {"git_commit", "mlflow.source.git.commit", "mlflow.source.git.branch",
        "mlflow.source.git.dirty", "mlflow.source.git.repoURL"}) {
    stored.tags = {{fact, "a"}};
    link.tags = {{fact, "b"}};
    EXPECT_EQ(difference().tags_to_set, Values{}) << fact;
    EXPECT_EQ(difference().warnings.size(), 1u) << fact;
    stored.tags.clear();
    EXPECT_EQ(difference().tags_to_set, link.tags) << fact;
  }
}

TEST_F(CompareTest, AnotherTypeOrRunIsReported) {
  stored.model_type = "agent";
  EXPECT_EQ(difference().warnings, Ids{});  // the definition says nothing
  link.type = "chain";
  link.source_run_id = "r1";
  ASSERT_EQ(difference().warnings.size(), 2u);
  EXPECT_TRUE(difference().warnings[0].starts_with("type of the model is \"agent\""));
  EXPECT_TRUE(difference().warnings[1].starts_with("source run of the model is \"\""));
}

}  // namespace
}  // namespace tracelink
