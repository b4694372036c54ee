#include "daemon/mlflow/rest/remedies.hpp"
#include "tests/unit/mlflow_registration/registrar_harness.hpp"

// What a model lacks of its definition, and what the server refuses
// (docs/design.md#what-a-model-lacks).
namespace tracelink {
namespace {

constexpr char kParams[] = "POST logged-models/*/params";
constexpr char kTags[] = "PATCH logged-models/*/tags";

struct RegistrarMaintenanceTest : testing::Test, RegistrarHarness {
  std::string theirs = mlflow.add("agent-v1", "READY");

  FakeMlflow::Model& model() { return mlflow.model(theirs); }
  void refuse(const std::string& refused, int status, const std::string& code) {
    mlflow.refuse = [=](const std::string& call) -> std::optional<HttpResponse> {
      if (call != refused) return std::nullopt;
      return FakeMlflow::error(status, code, "refused");
    };
  }
};

TEST_F(RegistrarMaintenanceTest, MissingParamsAndTagsAreSent) {
  model().params = {{"llm", "gpt"}};
  model().tags = {{"theirs", "stays"}, {"team", "old"}};
  replica.link.params = {{"llm", "gpt"}, {"temperature", "0.7"}};
  replica.link.tags = {{"team", "new"}};
  replica.run();
  EXPECT_EQ(replica.ready_id(), theirs);
  EXPECT_EQ(model().params, replica.link.params);
  EXPECT_EQ(model().tags, (Values{{"team", "new"}, {"theirs", "stays"}}));
  EXPECT_EQ(replica.status().warnings, Ids{});
}

TEST_F(RegistrarMaintenanceTest, NothingIsSentIfNothingIsMissing) {
  model().params = replica.link.params = {{"llm", "gpt"}};
  replica.run();
  EXPECT_EQ(mlflow.count(kParams), 0u);
  EXPECT_EQ(mlflow.count(kTags), 0u);
}

TEST_F(RegistrarMaintenanceTest, ADifferentParamIsReportedAndNeverOverwritten) {
  model().params = {{"llm", "gpt"}};
  replica.link.params = {{"llm", "claude"}};
  replica.run();
  EXPECT_EQ(replica.ready_id(), theirs);
  EXPECT_EQ(model().params, (Values{{"llm", "gpt"}}));
  EXPECT_EQ(replica.status().warnings.size(), 1u);
}

TEST_F(RegistrarMaintenanceTest, AParamThatSomebodyElseWroteMeanwhileIsReadBack) {
  replica.link.params = {{"llm", "gpt"}, {"temperature", "0.7"}};
  mlflow.before = [this](const std::string& call) {
    if (call == kParams) model().params.emplace("llm", "claude");
  };
  replica.run();
  EXPECT_EQ(model().params, (Values{{"llm", "claude"}, {"temperature", "0.7"}}));
  EXPECT_EQ(replica.status().warnings.size(), 1u);
  EXPECT_TRUE(replica.status().warnings[0].starts_with("param llm"));
}

TEST_F(RegistrarMaintenanceTest, WhatTheServerRefusesForGoodIsAWarning) {
  replica.link.params = {{"llm", "gpt"}};
  replica.link.tags = {{"team", "ml"}};
  refuse(kParams, 400, "INVALID_PARAMETER_VALUE");
  replica.run();
  EXPECT_EQ(replica.ready_id(), theirs);
  EXPECT_EQ(replica.status().warnings,
            Ids{"params refused: refused. " + std::string(remedy::kRefusedValue)});
  EXPECT_EQ(model().tags, replica.link.tags);

  refuse(kTags, 403, "PERMISSION_DENIED");
  model().tags.clear();
  model().params = replica.link.params;
  replica.registrar().server_changed();
  replica.run_until_ready();
  EXPECT_EQ(replica.status().warnings,
            Ids{"tags refused: refused. " + std::string(remedy::kPermission)});
}

TEST_F(RegistrarMaintenanceTest, WhatMayPassIsTriedAgain) {
  replica.link.tags = {{"team", "ml"}};
  refuse(kTags, 503, "TEMPORARILY_UNAVAILABLE");
  replica.run();
  EXPECT_EQ(replica.ready_id(), "");
  EXPECT_EQ(replica.status().failure->failure_class, FailureClass::transient);
  mlflow.refuse = [](const std::string&) { return std::nullopt; };
  replica.run_until_ready();
  EXPECT_EQ(model().tags, replica.link.tags);
  EXPECT_FALSE(replica.status().failure);
}

TEST_F(RegistrarMaintenanceTest, AnotherTypeOrRunIsAWarning) {
  model().type = "chain";
  replica.link.type = "agent";
  replica.link.source_run_id = "r1";
  replica.run();
  EXPECT_EQ(replica.status().warnings.size(), 2u);
  EXPECT_EQ(model().type, "chain");
}

TEST_F(RegistrarMaintenanceTest, ModelsDeletedMeanwhileAreRegisteredAgain) {
  replica.link.params = {{"llm", "gpt"}};
  mlflow.before = [this](const std::string& call) {
    if (call == kParams && mlflow.count(kParams) == 1) model().deleted = true;
  };
  replica.run_until_ready();
  EXPECT_NE(replica.ready_id(), theirs);
  EXPECT_EQ(mlflow.ids_with("READY"), Ids{replica.ready_id()});
}

// A create that the server stored in part only (docs/mlflow-servers.md#values-of-the-wrong-type).
TEST_F(RegistrarMaintenanceTest, WhatWasDroppedFromACreateIsSentAgain) {
  model().deleted = true;
  replica.link.params = {{"llm", "gpt"}};
  mlflow.before = [this](const std::string& call) {
    if (call == "POST logged-models/search" && mlflow.models.size() == 2) {
      mlflow.models[1].params.clear();
    }
  };
  replica.run_until_ready();
  EXPECT_EQ(mlflow.model(replica.ready_id()).params, replica.link.params);
  EXPECT_EQ(mlflow.count("POST logged-models"), 1u);
}

// Failures.

struct RegistrarFailureTest : RegistrarMaintenanceTest {
  RegistrarFailureTest() { model().deleted = true; }
};

TEST_F(RegistrarFailureTest, ARefusedCreateSaysWhatTheEmptySearchMayMean) {
  refuse("POST logged-models", 403, "PERMISSION_DENIED");
  replica.run();
  EXPECT_EQ(replica.status().state, RegistrationState::failed);
  EXPECT_EQ(replica.status().failure->remedy, remedy::kPermission);
  EXPECT_EQ(replica.status().failure->message,
            "refused; the search that found no such model may mean the same");
}

TEST_F(RegistrarFailureTest, APermanentFailureIsRetriedEachMinuteAndHeals) {
  refuse("POST logged-models", 403, "PERMISSION_DENIED");
  replica.run();
  EXPECT_EQ(replica.registrar().next_due(), clock.steady() + std::chrono::minutes(1));
  mlflow.refuse = [](const std::string&) { return std::nullopt; };
  replica.run_until_ready();
  EXPECT_EQ(replica.status().state, RegistrationState::ready);
  EXPECT_FALSE(replica.status().failure);
}

TEST_F(RegistrarFailureTest, ATransientFailureWaitsAsTheServerAsks) {
  mlflow.refuse = [](const std::string&) {
    HttpResponse answer = FakeMlflow::error(503, "TEMPORARILY_UNAVAILABLE", "busy");
    answer.headers.emplace_back("retry-after", "120");
    return std::optional(answer);
  };
  replica.run();
  EXPECT_EQ(replica.status().state, RegistrationState::unresolved);
  EXPECT_EQ(replica.registrar().next_due(), clock.steady() + std::chrono::minutes(2));
}

}  // namespace
}  // namespace tracelink
