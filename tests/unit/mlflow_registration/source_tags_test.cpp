#include "daemon/mlflow/registration/source_tags.hpp"

#include <gtest/gtest.h>

#include "daemon/mlflow/registration/model_choice.hpp"

namespace tracelink {
namespace {

using Tags = std::map<std::string, std::string>;

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";

LinkDefinition link_with(Tags tags, Tags source) {
  LinkDefinition link;
  link.name = "agent";
  link.tags = std::move(tags);
  link.source_tags = std::move(source);
  return link;
}

LoggedModel model_with(Tags tags) {
  LoggedModel model;
  model.tags = std::move(tags);
  return model;
}

TEST(SourceTags, AreWhatIsKnown) {
  EXPECT_EQ(source_tags({kCommit, "main", "https://example.org/app"}),
            (Tags{{"git_commit", "01234567"},
                  {"mlflow.source.git.commit", kCommit},
                  {"mlflow.source.git.branch", "main"},
                  {"mlflow.source.git.repoURL", "https://example.org/app"}}));
  EXPECT_EQ(source_tags({kCommit, "", ""}),
            (Tags{{"git_commit", "01234567"}, {"mlflow.source.git.commit", kCommit}}));
  EXPECT_EQ(source_tags({}), Tags{});
}

TEST(SourceTags, TellWhoCreatedTheModelAndWhere) {
  EXPECT_EQ(origin_tags({"ada", "https://example.org/jobs/7", true}),
            (Tags{{"mlflow.user", "ada"},
                  {"mlflow.source.type", "JOB"},
                  {"mlflow.source.name", "https://example.org/jobs/7"}}));
  EXPECT_EQ(origin_tags({}), (Tags{{"mlflow.source.type", "LOCAL"}}));
}

TEST(SourceTags, TellWhatTheOperatorSays) {
  EXPECT_EQ(
      description_tags("Answers *tickets*.", "support"),
      (Tags{{"mlflow.note.content", "Answers *tickets*."}, {"mlflow.source.name", "support"}}));
  EXPECT_EQ(description_tags("", ""), Tags{});
}

TEST(SourceTags, AreShownBesideTheNameOfASource) {
  Tags tags = source_tags({kCommit, "main", "https://example.org/app"});
  name_source(tags);
  EXPECT_EQ(tags.at("mlflow.source.name"), "https://example.org/app");
  tags["mlflow.source.name"] = "tracelinkd.service";
  name_source(tags);
  EXPECT_EQ(tags.at("mlflow.source.name"), "tracelinkd.service");
  Tags nothing;
  name_source(nothing);
  EXPECT_EQ(nothing, Tags{});
}

TEST(SourceTags, ThatPeopleEditAreLeftToThem) {
  const auto difference =
      compare(model_with({{"mlflow.note.content", "edited"}}),
              link_with({}, {{"mlflow.note.content", "ours"}, {"mlflow.source.name", "x"}}));
  EXPECT_TRUE(difference.tags_to_set.empty());
  EXPECT_TRUE(difference.warnings.empty());
}

TEST(SourceTags, AreNotAddedToAModelThatExists) {
  const auto difference =
      compare(model_with({}), link_with({{"team", "ml"}}, {{"git_commit", "01234567"}}));
  EXPECT_EQ(difference.tags_to_set, (Tags{{"team", "ml"}}));
  EXPECT_TRUE(difference.warnings.empty());
}

TEST(SourceTags, ThatDifferAreAWarning) {
  const auto difference = compare(model_with({{"git_commit", "aaaaaaaa"}}),
                                  link_with({}, {{"git_commit", "bbbbbbbb"}}));
  EXPECT_TRUE(difference.tags_to_set.empty());
  ASSERT_EQ(difference.warnings.size(), 1u);
  EXPECT_NE(difference.warnings[0].find("tag git_commit of the model is \"aaaaaaaa\" on the server "
                                        "and \"bbbbbbbb\" here"),
            std::string::npos)
      << difference.warnings[0];
}

TEST(SourceTags, OfTheOperatorWinOverTheFacts) {
  const auto link = link_with({{"git_commit", "mine"}}, {{"git_commit", "01234567"}});
  EXPECT_TRUE(compare(model_with({{"git_commit", "mine"}}), link).warnings.empty());
  EXPECT_EQ(compare(model_with({}), link).tags_to_set, (Tags{{"git_commit", "mine"}}));
}

TEST(SourceTags, OfTheOperatorAreNotOverwrittenEither) {
  const auto difference = compare(model_with({{"mlflow.source.git.dirty", "true"}}),
                                  link_with({{"mlflow.source.git.dirty", "false"}}, {}));
  EXPECT_TRUE(difference.tags_to_set.empty());
  EXPECT_EQ(difference.warnings.size(), 1u);
}

}  // namespace
}  // namespace tracelink
