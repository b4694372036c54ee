#include "daemon/mlflow/registration/model_name.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "tests/unit/mlflow_registration/registrar_harness.hpp"

// The name policy (docs/design.md#the-portable-name).
namespace tracelink {
namespace {

struct RegistrarNameTest : testing::Test, RegistrarHarness {
  RegistrarNameTest() { replica.link.version = "v1.2"; }

  std::string name() { return mlflow.model(replica.ready_id()).name; }
  // Another client's READY model that has `tag` as its asked name.
  std::string add_portable(const std::string& model_name, const std::string& tag) {
    const std::string id = mlflow.add(model_name, "READY");
    if (!tag.empty()) mlflow.model(id).tags[kModelNameTag] = tag;
    return id;
  }
};

TEST_F(RegistrarNameTest, AutomaticTriesTheExactNameAndThenThePortableOne) {
  replica.run();
  EXPECT_EQ(name(), "agent-v1-2");
  EXPECT_EQ(mlflow.model(replica.ready_id()).tags.at(kModelNameTag), "agent-v1.2");
  EXPECT_EQ(replica.status().model->name, "agent-v1-2");
  EXPECT_EQ(replica.status().requested_name, "agent-v1.2");
  EXPECT_EQ(replica.status().model->version, "agent-v1.2");
  EXPECT_EQ(mlflow.count("POST logged-models"), 2u);
}

TEST_F(RegistrarNameTest, ThePortableNameIsToldAlsoWhenItIsKnownFromBefore) {
  const Ids told{
      "asked for as \"agent-v1.2\", in use is the name \"agent-v1-2\" (model.name_policy)"};
  replica.run();
  EXPECT_EQ(replica.status().warnings, told);
  replica.crash();
  replica.run();
  EXPECT_EQ(replica.status().warnings, told);
}

TEST_F(RegistrarNameTest, AnAllowedNameGetsNoTag) {
  replica.link.version = "v1";
  replica.run();
  EXPECT_EQ(name(), "agent-v1");
  EXPECT_EQ(replica.status().model->version, "agent-v1");
  EXPECT_FALSE(mlflow.model(replica.ready_id()).tags.contains(kModelNameTag));
}

TEST_F(RegistrarNameTest, AServerThatAllowsTheNameKeepsIt) {
  const std::string theirs = mlflow.add("agent-v1.2", "READY");
  replica.run();
  EXPECT_EQ(replica.ready_id(), theirs);
}

TEST_F(RegistrarNameTest, ExactFailsInstead) {
  replica.link.name_policy = NamePolicy::exact;
  replica.run();
  EXPECT_EQ(replica.status().state, RegistrationState::failed);
  EXPECT_EQ(replica.status().failure->remedy, remedy::kModelName);
  EXPECT_TRUE(mlflow.models.empty());
}

TEST_F(RegistrarNameTest, ANameThatATraceGaveIsCorrectedInTheApplication) {
  replica.link.name_policy = NamePolicy::exact;
  replica.link.named_by_trace = true;
  replica.run();
  EXPECT_EQ(replica.status().failure->remedy, remedy::kNamedModelName);
}

TEST_F(RegistrarNameTest, PortableNeverTries) {
  replica.link.name_policy = NamePolicy::portable;
  replica.run();
  EXPECT_EQ(name(), "agent-v1-2");
  EXPECT_EQ(mlflow.count("POST logged-models"), 1u);
}

TEST_F(RegistrarNameTest, PortableKeepsANameThatNeedsNoChange) {
  replica.link.name_policy = NamePolicy::portable;
  replica.link.version = "v1";
  replica.run();
  EXPECT_EQ(name(), "agent-v1");
  EXPECT_FALSE(mlflow.model(replica.ready_id()).tags.contains(kModelNameTag));
}

TEST_F(RegistrarNameTest, OtherRefusalsOfTheCreateAreNotAboutTheName) {
  mlflow.refuse = [](const std::string& call) -> std::optional<HttpResponse> {
    if (call != "POST logged-models") return std::nullopt;
    return FakeMlflow::error(400, "INVALID_PARAMETER_VALUE", "'model_type' is too long");
  };
  replica.run();
  EXPECT_EQ(replica.status().failure->remedy, remedy::kRefusedValue);
  EXPECT_EQ(mlflow.count("POST logged-models"), 1u);
}

TEST_F(RegistrarNameTest, APortableModelOfTheSameAskedNameIsAdopted) {
  const std::string theirs = add_portable("agent-v1-2", "agent-v1.2");
  replica.run();
  EXPECT_EQ(replica.ready_id(), theirs);
}

TEST_F(RegistrarNameTest, AnotherAskedNameOrNoneGetsOutOfTheWay) {
  for (const std::string asked : {"agent-v1/2", ""}) {
    FakeMlflow server(clock);
    Replica other(server, clock);
    other.link = replica.link;
    const std::string theirs = server.add("agent-v1-2", "READY");
    if (!asked.empty()) server.model(theirs).tags[kModelNameTag] = asked;
    other.run();
    EXPECT_NE(other.ready_id(), theirs);
    EXPECT_EQ(server.model(other.ready_id()).name, distinct_portable_name("agent-v1.2"));
    EXPECT_EQ(server.model(other.ready_id()).tags.at(kModelNameTag), "agent-v1.2");
  }
}

TEST_F(RegistrarNameTest, TheDistinctNameIsFoundAgain) {
  add_portable("agent-v1-2", "agent-v1/2");
  const std::string distinct = add_portable(distinct_portable_name("agent-v1.2"), "agent-v1.2");
  replica.run();
  EXPECT_EQ(replica.ready_id(), distinct);
}

TEST_F(RegistrarNameTest, AModelIsFoundByTheNameThatMlflowShows) {
  replica.link.version = "v1-2";
  const std::string stand_in = add_portable("agent-v1-2", "agent-v1.2");
  replica.run();
  EXPECT_EQ(replica.ready_id(), stand_in);
  EXPECT_EQ(replica.status().model->version, "agent-v1.2");
  EXPECT_EQ(mlflow.models.size(), 1u);
}

TEST_F(RegistrarNameTest, ANameThatMayBeTwoModelsIsAnErrorThatNamesBoth) {
  replica.link.version = "v1-2";
  const std::string stand_in = add_portable("agent-v1-2", "agent-v1.2");
  const std::string theirs = mlflow.add("agent-v1-2", "READY");
  replica.run();
  EXPECT_EQ(replica.status().state, RegistrationState::failed);
  const Failure failure = *replica.status().failure;
  EXPECT_EQ(failure.message, "\"agent-v1-2\" may be several models: " + theirs +
                                 " (shown as \"agent-v1-2\", made for \"agent-v1-2\"), " +
                                 stand_in + " (shown as \"agent-v1-2\", made for \"agent-v1.2\")");
  EXPECT_EQ(failure.remedy, remedy::kAmbiguousName);
  EXPECT_EQ(mlflow.models.size(), 2u);

  mlflow.model(theirs).deleted = true;  // the operator follows the remedy
  replica.run_until_ready();
  EXPECT_EQ(replica.ready_id(), stand_in);
}

TEST_F(RegistrarNameTest, ATraceThatNamesTwoModelsIsCorrectedInTheApplication) {
  replica.link.version = "v1-2";
  replica.link.named_by_trace = true;
  add_portable("agent-v1-2", "agent-v1.2");
  mlflow.add("agent-v1-2", "READY");
  replica.run();
  EXPECT_EQ(replica.status().failure->remedy, remedy::kNamedAmbiguousName);
}

TEST_F(RegistrarNameTest, SeveralModelsOfOneNameAreTold) {
  replica.link.version = "v1";
  const std::string oldest = mlflow.add("agent-v1", "READY");
  const std::string other = mlflow.add("agent-v1", "READY");
  replica.run();
  EXPECT_EQ(replica.ready_id(), oldest);
  EXPECT_EQ(replica.status().warnings,
            Ids{"several models are named \"agent-v1\": " + oldest +
                " is taken, the oldest that is READY; also there: " + other});
}

TEST_F(RegistrarNameTest, AModelWhoseTagIsItsOwnNameIsAHit) {
  replica.link.version = "v1";
  const std::string theirs = add_portable("agent-v1", "agent-v1");
  replica.run();
  EXPECT_EQ(replica.ready_id(), theirs);
}

TEST_F(RegistrarNameTest, ANameWithAQuoteIsFoundAmongAllPages) {
  replica.link.name = "it's";
  replica.link.version = "";
  mlflow.page_size = 2;
  for (const char* name : {"a", "b", "c", "d"}) mlflow.add(name, "READY");
  const std::string theirs = mlflow.add("it's", "READY");
  replica.run();
  EXPECT_EQ(replica.ready_id(), theirs);
}

}  // namespace
}  // namespace tracelink
