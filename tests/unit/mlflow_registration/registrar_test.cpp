#include "daemon/mlflow/rest/remedies.hpp"
#include "tests/unit/mlflow_registration/registrar_harness.hpp"

// The way from a definition to a model that traces may be sent to (docs/design.md#registration).
namespace tracelink {
namespace {

struct RegistrarTest : testing::Test, RegistrarHarness {};

TEST_F(RegistrarTest, CreatesSettlesFinalizesAndLooksOnceMore) {
  replica.run();
  EXPECT_EQ(mlflow.calls, (Ids{"GET experiments/get", "POST logged-models/search",
                               "POST logged-models", "POST logged-models/search",
                               "PATCH logged-models/*", "POST logged-models/search"}));
  EXPECT_EQ(mlflow.ids_with("READY"), Ids{replica.ready_id()});
}

TEST_F(RegistrarTest, AttemptsAreCountedWithTheirFailures) {
  bool once = false;
  mlflow.refuse = [&once](const std::string&) -> std::optional<HttpResponse> {
    if (std::exchange(once, true)) return std::nullopt;
    return HttpResponse{503, {}, ""};
  };
  replica.run_until_ready();
  const RegistrationCounters counters = replica.registrar().counters();
  EXPECT_EQ(counters.attempts, 2u);
  EXPECT_EQ(counters.failures[FailureClass::transient], 1u);
  EXPECT_EQ(counters.failures.total(), 1u);
}

TEST_F(RegistrarTest, TheNewModelHasAllOfTheDefinition) {
  replica.link.type = "agent";
  replica.link.source_run_id = "r1";
  replica.link.params = {{"llm", "gpt"}};
  replica.link.tags = {{"team", "ml"}};
  replica.run();
  const auto& model = mlflow.model(replica.ready_id());
  EXPECT_EQ(model.name, "agent-v1");
  EXPECT_EQ(model.type, "agent");
  EXPECT_EQ(model.source_run_id, "r1");
  EXPECT_EQ(model.params, (Values{{"llm", "gpt"}}));
  EXPECT_EQ(model.tags.size(), 3u);
  EXPECT_EQ(model.tags.at("team"), "ml");
  EXPECT_EQ(model.tags.at("mlflow.model.isExternal"), "true");
  EXPECT_EQ(model.tags.at("tracelink.instance").size(), 32u);
}

TEST_F(RegistrarTest, TheNewModelTellsWhereItCameFrom) {
  replica.options.creation_tags = {{"mlflow.user", "ada"}, {"mlflow.source.name", "unit"}};
  replica.link.source_tags = {{"mlflow.source.name", "support"}};
  replica.start();
  replica.run();
  const auto& tags = mlflow.model(replica.ready_id()).tags;
  EXPECT_EQ(tags.at("mlflow.user"), "ada");
  EXPECT_EQ(tags.at("mlflow.source.name"), "support") << "what the operator says wins";
}

TEST_F(RegistrarTest, AModelThatExistsGetsNothingOfThat) {
  const std::string theirs = mlflow.add("agent-v1", "READY");
  replica.options.creation_tags = {{"mlflow.user", "ada"}};
  replica.link.source_tags = {{"mlflow.note.content", "ours"}};
  replica.start();
  replica.run();
  EXPECT_TRUE(mlflow.model(theirs).tags.empty());
}

TEST_F(RegistrarTest, StatusTellsWhatWasResolved) {
  replica.want();
  EXPECT_EQ(replica.status().state, RegistrationState::unresolved);
  EXPECT_EQ(replica.ready_id(), "");
  replica.run();
  const RegistrationStatus status = replica.status();
  EXPECT_EQ(status.state, RegistrationState::ready);
  EXPECT_TRUE(status.verified);
  EXPECT_TRUE(status.created);
  EXPECT_FALSE(status.failure);
  EXPECT_EQ(status.warnings, Ids{});
  EXPECT_EQ(status.requested_name, "agent-v1");
  ASSERT_TRUE(status.model);
  EXPECT_EQ(status.model->name, "agent-v1");
  EXPECT_EQ(status.model->experiment_id, "0");
  EXPECT_EQ(status.model->experiment_name, "Default");
}

// But for the one look for a twin that was made meanwhile.
TEST_F(RegistrarTest, ReadyMeansNothingMoreToDo) {
  replica.run();
  replica.run_until([this] { return !replica.registrar().next_due() && !replica.step(); });
  EXPECT_TRUE(replica.status().verified);
  pass();
  EXPECT_FALSE(replica.step());
}

TEST_F(RegistrarTest, ChangesAreTold) {
  std::vector<RegistrationState> states;
  replica.registrar().set_on_change(
      [&](const RegistrationStatus& status) { states.push_back(status.state); });
  mlflow.refuse = [](const std::string&) { return FakeMlflow::error(401, "UNAUTHENTICATED", ""); };
  replica.run();
  mlflow.refuse = [](const std::string&) { return std::nullopt; };
  replica.run_until_ready();
  EXPECT_EQ(states, (std::vector{RegistrationState::failed, RegistrationState::ready}));
}

TEST_F(RegistrarTest, LinksAreIndependent) {
  LinkDefinition other = replica.link;
  other.name = "other";
  mlflow.refuse = [this](const std::string& call) -> std::optional<HttpResponse> {
    const bool first = call == "POST logged-models" && mlflow.count(call) == 1;
    if (!first) return std::nullopt;
    return FakeMlflow::error(400, "INVALID_PARAMETER_VALUE", "refused");
  };
  replica.registrar().want(link_hash('K'), replica.link);
  replica.registrar().want(link_hash('L'), other);
  replica.run_until([&] { return replica.registrar().ready(link_hash('L')) != nullptr; });
  EXPECT_EQ(replica.registrar().status(link_hash('K'))->state, RegistrationState::failed);
  EXPECT_EQ(replica.registrar().status(link_hash('M')), std::nullopt);
}

TEST_F(RegistrarTest, ALinkWithoutModelResolvesItsExperimentOnly) {
  replica.link = {};
  replica.link.experiment.name = "/Shared/a";
  replica.run();
  EXPECT_EQ(replica.status().model->model_id, "");
  EXPECT_EQ(replica.status().model->experiment_name, "/Shared/a");
  EXPECT_TRUE(mlflow.models.empty());
}

// The experiment.

TEST_F(RegistrarTest, AnExperimentIsFoundByName) {
  mlflow.experiments["7"] = {"/Shared/a"};
  replica.link.experiment.name = "/Shared/a";
  replica.run();
  EXPECT_EQ(replica.status().model->experiment_id, "7");
  EXPECT_EQ(mlflow.model(replica.ready_id()).experiment_id, "7");
}

TEST_F(RegistrarTest, AMissingExperimentIsCreatedByName) {
  replica.link.experiment.name = "/Shared/a";
  replica.run();
  EXPECT_EQ(mlflow.experiments.at("1").name, "/Shared/a");
  EXPECT_EQ(replica.status().model->experiment_id, "1");
}

TEST_F(RegistrarTest, ALostRaceForTheExperimentGetsTheWinners) {
  replica.link.experiment.name = "/Shared/a";
  mlflow.before = [this](const std::string& call) {
    if (call == "POST experiments/create") mlflow.experiments["7"] = {"/Shared/a"};
  };
  replica.run();
  EXPECT_EQ(replica.status().model->experiment_id, "7");
}

TEST_F(RegistrarTest, AnUnknownExperimentIdIsNeverCreated) {
  replica.link.experiment.id = "99";
  replica.run();
  EXPECT_EQ(replica.status().state, RegistrationState::failed);
  EXPECT_EQ(replica.status().failure->remedy, remedy::kUnknownExperiment);
  EXPECT_EQ(replica.status().failure->scope, FailureScope::experiment);
  EXPECT_EQ(mlflow.experiments.size(), 1u);
}

TEST_F(RegistrarTest, ADeletedExperimentIsAnErrorWithItsRemedy) {
  mlflow.experiments["7"] = {"/Shared/a", true};
  for (const ExperimentRef& ref : {ExperimentRef{"7", ""}, ExperimentRef{"", "/Shared/a"}}) {
    Replica other(mlflow, clock);
    other.link.experiment = ref;
    other.run();
    EXPECT_EQ(other.status().state, RegistrationState::failed);
    EXPECT_EQ(other.status().failure->remedy, remedy::kDeletedExperiment);
  }
  EXPECT_TRUE(mlflow.models.empty());
}

struct NeighbourTest : RegistrarTest {
  NeighbourTest() {
    mlflow.experiments["7"] = {"/Shared/theirs"};
    replica.link.named_by_trace = true;
    replica.link.experiment.of_model = mlflow.add("theirs", "READY", "7");
  }
};

TEST_F(NeighbourTest, ANameMayBelongIntoTheExperimentOfAnotherModel) {
  replica.run();
  EXPECT_EQ(replica.status().model->experiment_id, "7");
  EXPECT_EQ(mlflow.model(replica.ready_id()).experiment_id, "7");
}

TEST_F(NeighbourTest, WithoutThatModelNothingIsCreated) {
  mlflow.model(replica.link.experiment.of_model).deleted = true;
  replica.run();
  EXPECT_EQ(replica.status().failure->remedy, remedy::kNeighbourGone);
  EXPECT_EQ(replica.status().failure->scope, FailureScope::experiment);
  EXPECT_EQ(mlflow.models.size(), 1u);
}

// A model given by id.

struct FixedModelTest : RegistrarTest {
  FixedModelTest() {
    mlflow.experiments["7"] = {"/Shared/theirs"};
    mlflow.experiments["8"] = {"/Shared/ours"};
    replica.link.name = replica.link.version = "";
    replica.link.id = mlflow.add("theirs", "READY", "7");
  }
};

TEST_F(FixedModelTest, IsFetchedCheckedAndLeftAsItIs) {
  replica.link.params = {{"llm", "gpt"}};
  replica.link.tags = {{"team", "ml"}};
  replica.run();
  EXPECT_EQ(replica.ready_id(), replica.link.id);
  EXPECT_EQ(replica.status().model->name, "theirs");
  EXPECT_EQ(mlflow.calls, (Ids{"GET logged-models/*", "GET experiments/get"}));
}

TEST_F(FixedModelTest, TracesGoToItsExperimentUnlessAnotherIsNamed) {
  replica.run();
  EXPECT_EQ(replica.status().model->experiment_id, "7");
  Replica other(mlflow, clock);
  other.link = replica.link;
  other.link.experiment.name = "/Shared/ours";
  other.run();
  EXPECT_EQ(other.status().model->experiment_id, "8");
}

TEST_F(FixedModelTest, PendingIsGoodEnough) {
  mlflow.model(replica.link.id).status = "LOGGED_MODEL_PENDING";
  replica.run();
  EXPECT_EQ(replica.ready_id(), replica.link.id);
}

TEST_F(FixedModelTest, AnUnknownIdIsAConfigurationErrorAndNothingIsCreated) {
  mlflow.model(replica.link.id).deleted = true;
  replica.run();
  EXPECT_EQ(replica.status().state, RegistrationState::failed);
  EXPECT_EQ(replica.status().failure->scope, FailureScope::link);
  EXPECT_EQ(replica.status().failure->remedy, remedy::kModelGone);
  EXPECT_EQ(mlflow.models.size(), 1u);
}

TEST_F(FixedModelTest, AnIdThatATraceGaveIsCorrectedInTheApplication) {
  replica.link.named_by_trace = true;
  mlflow.model(replica.link.id).status = "LOGGED_MODEL_UPLOAD_FAILED";
  replica.run();
  EXPECT_EQ(replica.status().failure->remedy, remedy::kNamedModelFailed);
  mlflow.model(replica.link.id).deleted = true;
  Replica other(mlflow, clock);
  other.link = replica.link;
  other.run();
  EXPECT_EQ(other.status().failure->remedy, remedy::kNamedModelGone);
}

TEST_F(FixedModelTest, AFailedModelIsAnError) {
  mlflow.model(replica.link.id).status = "LOGGED_MODEL_UPLOAD_FAILED";
  replica.run();
  EXPECT_EQ(replica.status().failure->remedy, remedy::kModelFailed);
}

}  // namespace
}  // namespace tracelink
