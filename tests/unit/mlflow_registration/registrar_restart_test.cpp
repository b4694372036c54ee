#include "daemon/mlflow/registration/model_choice.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "tests/unit/mlflow_registration/registrar_harness.hpp"

// What is remembered, and how it is checked again (docs/design.md#what-is-remembered).
namespace tracelink {
namespace {

struct RegistrarRestartTest : testing::Test, RegistrarHarness {
  const std::string file = "/state/models/" + link_hash().hex() + ".json";

  void down() {
    mlflow.refuse = [](const std::string&) { return FakeMlflow::error(502, "", "down"); };
  }
  void up() {
    mlflow.refuse = [](const std::string&) { return std::nullopt; };
  }
};

TEST_F(RegistrarRestartTest, TheModelIsKnownWithoutAServerButNoTraceIsSentYet) {
  replica.run();
  const std::string id = replica.ready_id();
  replica.crash();
  replica.want();
  EXPECT_EQ(replica.status().state, RegistrationState::ready);
  EXPECT_EQ(replica.status().model->model_id, id);
  EXPECT_EQ(replica.status().model->experiment_name, "Default");
  EXPECT_FALSE(replica.status().verified);
  EXPECT_EQ(replica.ready_id(), "");
}

TEST_F(RegistrarRestartTest, OneFetchMakesItGoodAgain) {
  replica.run();
  const std::string id = replica.ready_id();
  replica.crash();
  mlflow.calls.clear();
  replica.run();
  EXPECT_EQ(replica.ready_id(), id);
  EXPECT_EQ(mlflow.calls, Ids{"GET logged-models/*"});
}

TEST_F(RegistrarRestartTest, AServerThatIsDownChangesNothing) {
  replica.run();
  const std::string id = replica.ready_id();
  replica.crash();
  down();
  replica.run();
  EXPECT_EQ(replica.status().state, RegistrationState::ready);
  EXPECT_EQ(replica.ready_id(), "");
  up();
  replica.run_until_ready();
  EXPECT_EQ(replica.ready_id(), id);
}

TEST_F(RegistrarRestartTest, AReconnectionIsVerifiedBeforeTheNextDelivery) {
  replica.run();
  const std::string id = replica.ready_id();
  replica.registrar().server_changed();
  EXPECT_EQ(replica.ready_id(), "");
  replica.run_until_ready();
  EXPECT_EQ(replica.ready_id(), id);
}

TEST_F(RegistrarRestartTest, AReconnectionMeanwhileVerifiesOnceMore) {
  replica.run();
  mlflow.calls.clear();
  replica.registrar().server_changed();
  replica.step();
  replica.registrar().server_changed();
  replica.run_until_ready();
  EXPECT_EQ(mlflow.calls, (Ids{"GET logged-models/*", "GET logged-models/*"}));
}

TEST_F(RegistrarRestartTest, AModelThatTracesHaveNeverChanges) {
  replica.run();
  const std::string id = replica.ready_id();
  mlflow.linked_models.push_back(id);
  mlflow.model(mlflow.add("agent-v1", "READY")).created_ms -= 1'000'000;
  replica.registrar().server_changed();
  replica.run_until_ready();
  EXPECT_EQ(replica.ready_id(), id);
  replica.crash();
  replica.run();
  EXPECT_EQ(replica.ready_id(), id);
}

TEST_F(RegistrarRestartTest, AModelThatIsGoneIsRegisteredAgain) {
  replica.run();
  const std::string old = replica.ready_id();
  mlflow.model(old).deleted = true;
  replica.registrar().verify_again(link_hash());
  replica.run_until_ready();
  EXPECT_NE(replica.ready_id(), old);
  EXPECT_EQ(mlflow.ids_with("READY"), Ids{replica.ready_id()});
  const std::string now = replica.ready_id();
  replica.crash();
  replica.run();
  EXPECT_EQ(replica.ready_id(), now);
}

TEST_F(RegistrarRestartTest, AModelThatIsGoneAtStartIsRegisteredAgain) {
  replica.run();
  mlflow.model(replica.ready_id()).deleted = true;
  replica.crash();
  replica.run();
  EXPECT_EQ(mlflow.ids_with("READY"), Ids{replica.ready_id()});
}

TEST_F(RegistrarRestartTest, AnotherServerGetsItsOwn) {
  replica.run();
  mlflow.models.clear();
  mlflow.add("unrelated", "READY");
  mlflow.models.clear();
  replica.crash();
  replica.run();
  EXPECT_EQ(mlflow.ids_with("READY"), Ids{replica.ready_id()});
}

TEST_F(RegistrarRestartTest, AModelThatFailedMeanwhileIsAnError) {
  replica.run();
  mlflow.model(replica.ready_id()).status = "LOGGED_MODEL_UPLOAD_FAILED";
  replica.registrar().server_changed();
  replica.run_until([this] { return replica.status().failure.has_value(); });
  EXPECT_EQ(replica.status().state, RegistrationState::failed);
  EXPECT_EQ(replica.status().failure->remedy, remedy::kModelFailed);
}

TEST_F(RegistrarRestartTest, ADamagedFileIsReportedAndTheModelFoundAgain) {
  replica.run();
  const std::string id = replica.ready_id();
  replica.fs.set_content(file, "{");
  replica.crash();
  EXPECT_EQ(replica.damaged, Ids{link_hash().hex() + ".json"});
  replica.run();
  EXPECT_EQ(replica.ready_id(), id);
}

TEST_F(RegistrarRestartTest, TheInstanceTagIsDurableBeforeTheCreate) {
  std::string on_disk;
  mlflow.before = [&](const std::string& call) {
    if (call != "POST logged-models") return;
    replica.fs.crash();
    on_disk = replica.fs.content(file);
  };
  replica.want();
  replica.run_until([&] { return !on_disk.empty(); });
  replica.http().step();
  EXPECT_NE(on_disk.find(mlflow.models.at(0).tags.at(kInstanceTag)), std::string::npos);
}

TEST_F(RegistrarRestartTest, WithoutADiskNothingIsCreated) {
  replica.fs.fail_names(link_hash().hex());
  replica.run();
  EXPECT_EQ(replica.status().failure->failure_class, FailureClass::transient);
  EXPECT_TRUE(mlflow.models.empty());
  replica.fs.fail_names("");
  replica.run_until_ready();
  EXPECT_EQ(mlflow.ids_with("READY"), Ids{replica.ready_id()});
}

// The traces that wait for the model may be what fills it.
TEST_F(RegistrarRestartTest, AFullDiskHoldsNothingUp) {
  replica.fs.set_capacity(replica.fs.disk_bytes());
  replica.run_until_ready();
  EXPECT_EQ(mlflow.ids_with("READY"), Ids{replica.ready_id()});
  ASSERT_EQ(replica.status().warnings.size(), 1u);
  EXPECT_TRUE(replica.status().warnings[0].starts_with("the model could not be remembered: "));
  replica.crash();
  replica.run_until_ready();
  EXPECT_EQ(mlflow.models.size(), 1u) << "found by its name";
}

TEST_F(RegistrarRestartTest, AnAdoptedModelThatCannotBeRememberedIsUsedWithAWarning) {
  const std::string theirs = mlflow.add("agent-v1", "READY");
  replica.fs.fail_names(link_hash().hex());
  replica.run();
  EXPECT_EQ(replica.ready_id(), theirs);
  ASSERT_EQ(replica.status().warnings.size(), 1u);
  EXPECT_TRUE(replica.status().warnings[0].starts_with("the model could not be remembered: "));
}

}  // namespace
}  // namespace tracelink
