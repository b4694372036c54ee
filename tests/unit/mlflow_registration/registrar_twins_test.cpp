#include "daemon/mlflow/registration/model_choice.hpp"
#include "daemon/mlflow/rest/remedies.hpp"
#include "tests/unit/mlflow_registration/registrar_harness.hpp"

// Models of one name: the server has no unique key (docs/design.md#models-of-one-name).
namespace tracelink {
namespace {

struct RegistrarTwinsTest : testing::Test, RegistrarHarness {
  std::string add(const std::string& status) {
    pass();
    return mlflow.add("agent-v1", status);
  }
  // Another client's twin becomes visible while ours is being created, with an older timestamp.
  std::string older_twin;
  void lose_the_race() {
    mlflow.before = [this](const std::string& call) {
      if (call != "POST logged-models" || !older_twin.empty()) return;
      older_twin = mlflow.add("agent-v1", "READY");
      mlflow.model(older_twin).created_ms -= 1'000;
    };
  }
  bool ours_is_deleted() { return mlflow.models.at(1).deleted; }
  // A request of another replica lasted longer than our quiet period.
  void older_becomes_ready() {
    older_twin = mlflow.add("agent-v1", "READY");
    mlflow.model(older_twin).created_ms = 0;
  }
  void expect_the_older_in_the_end() {
    replica.run_until([this] { return replica.ready_id() == older_twin; });
    EXPECT_TRUE(
        replica.status().warnings.at(0).starts_with("model " + older_twin + " is in place"));
  }
};

TEST_F(RegistrarTwinsTest, TheOldestReadyIsAdopted) {
  add("PENDING");
  const std::string oldest_ready = add("READY");
  add("READY");
  replica.run();
  EXPECT_EQ(replica.ready_id(), oldest_ready);
  EXPECT_FALSE(replica.status().created);
  EXPECT_EQ(mlflow.count("POST logged-models"), 0u);
  EXPECT_EQ(mlflow.count("PATCH logged-models/*"), 0u);
}

TEST_F(RegistrarTwinsTest, OfPendingOnesTheOldestIsFinalizedAfterTheSettle) {
  const std::string oldest = add("PENDING");
  const std::string younger = add("PENDING");
  const SteadyTime start = clock.steady();
  replica.run();
  EXPECT_EQ(replica.ready_id(), oldest);
  EXPECT_GE(clock.steady() - start, replica.options.quiet_period);
  EXPECT_EQ(mlflow.ids_with("READY"), Ids{oldest});
  EXPECT_EQ(mlflow.ids_with("PENDING"), Ids{younger});  // not ours
}

TEST_F(RegistrarTwinsTest, APendingOneThatItsMakerFinalizesMeanwhileIsTaken) {
  const std::string theirs = add("PENDING");
  replica.want();
  replica.run_until([this] { return mlflow.count("POST logged-models/search") == 1; });
  mlflow.model(theirs).status = "LOGGED_MODEL_READY";
  replica.run();
  EXPECT_EQ(replica.ready_id(), theirs);
  EXPECT_EQ(mlflow.count("PATCH logged-models/*"), 0u);
}

TEST_F(RegistrarTwinsTest, TheSettleTakesItsTimeAndHalfMoreAtMost) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    FakeMlflow server(clock);
    Replica other(server, clock, seed);
    const SteadyTime start = clock.steady();
    other.run();
    EXPECT_GE(clock.steady() - start, other.options.quiet_period);
    EXPECT_LE(clock.steady() - start, other.options.quiet_period * 3 / 2);
  }
}

TEST_F(RegistrarTwinsTest, AfterAFailureItSettlesAgain) {
  constexpr std::size_t kFinalize = 4;
  replica.http().fail_request(kFinalize, FakeHttpClient::Fault::not_done);
  const SteadyTime start = clock.steady();
  replica.run_until_ready();
  EXPECT_GE(clock.steady() - start, 2 * replica.options.quiet_period);
}

TEST_F(RegistrarTwinsTest, NothingMoreIsCreatedWhileSearchesDoNotShowWhatWas) {
  bool blind = true;
  mlflow.refuse = [&](const std::string& call) -> std::optional<HttpResponse> {
    if (!blind || call != "POST logged-models/search") return std::nullopt;
    return HttpResponse{200, {}, "{}"};
  };
  replica.run();
  EXPECT_EQ(replica.status().failure->failure_class, FailureClass::unknown);
  const SteadyTime start = clock.steady();
  replica.run_until([&] { return clock.steady() - start > std::chrono::minutes(10); });
  EXPECT_EQ(mlflow.models.size(), 1u);
  blind = false;
  replica.run_until_ready();
  EXPECT_EQ(replica.ready_id(), mlflow.models.at(0).id);
}

TEST_F(RegistrarTwinsTest, WhatSearchesDidNotShowAndIsGoneIsCreatedAgain) {
  mlflow.refuse = [&](const std::string& call) -> std::optional<HttpResponse> {
    if (mlflow.models.size() != 1 || call != "POST logged-models/search") return std::nullopt;
    mlflow.models.at(0).deleted = true;
    return HttpResponse{200, {}, "{}"};
  };
  replica.run();
  EXPECT_EQ(replica.ready_id(), mlflow.models.at(1).id);
}

TEST_F(RegistrarTwinsTest, ALoserDeletesItsOwnPendingTwin) {
  for (const std::string status : {"READY", "PENDING"}) {
    FakeMlflow server(clock);
    Replica loser(server, clock);
    std::string older;
    server.before = [&](const std::string& call) {
      if (call == "POST logged-models") older = server.add("agent-v1", status);
    };
    loser.run();
    EXPECT_EQ(loser.ready_id(), older);
    EXPECT_TRUE(server.models.at(1).deleted);
    EXPECT_EQ(server.ids_with("READY"), Ids{older});
    EXPECT_EQ(server.ids_with("PENDING"), Ids{});
  }
}

TEST_F(RegistrarTwinsTest, ATwinWithTracesIsLeft) {
  lose_the_race();
  mlflow.linked_models = {"m-00000000000000000000000000000001"};
  replica.run();
  EXPECT_EQ(replica.ready_id(), older_twin);
  EXPECT_FALSE(ours_is_deleted());
  EXPECT_EQ(replica.status().warnings,
            Ids{"twin model m-00000000000000000000000000000001 was left in place: it has traces"});
}

TEST_F(RegistrarTwinsTest, ATwinWhoseTracesCannotBeSeenIsLeft) {
  replica.traces_in_tables = TracesInTables::of_all;
  replica.start();
  lose_the_race();
  replica.run();
  EXPECT_EQ(replica.ready_id(), older_twin);
  EXPECT_FALSE(ours_is_deleted());
  EXPECT_EQ(replica.status().warnings.size(), 1u);
}

TEST_F(RegistrarTwinsTest, NoTwinIsDeletedIfTheOperatorSaysSo) {
  replica.options.delete_twins = false;
  replica.start();
  lose_the_race();
  replica.run();
  EXPECT_EQ(replica.ready_id(), older_twin);
  EXPECT_FALSE(ours_is_deleted());
}

TEST_F(RegistrarTwinsTest, AnOwnReadyTwinIsLeftAndReported) {
  mlflow.before = [this](const std::string& call) {
    if (call != "POST logged-models/search" || mlflow.models.size() != 1) return;
    mlflow.models[0].status = "LOGGED_MODEL_READY";
    older_twin = mlflow.add("agent-v1", "READY");
    mlflow.model(older_twin).created_ms = 0;
  };
  replica.run();
  EXPECT_EQ(replica.ready_id(), older_twin);
  EXPECT_EQ(replica.status().warnings,
            Ids{"twin model " + mlflow.models[0].id + " is READY too and was left in place"});
  EXPECT_FALSE(mlflow.models[0].deleted);
}

TEST_F(RegistrarTwinsTest, AYoungerReadyTwinWhoseTracesCannotBeSeenIsKept) {
  replica.traces_in_tables = TracesInTables::of_all;
  replica.start();
  replica.run();
  const std::string ours = replica.ready_id();
  older_becomes_ready();
  replica.run_until([this] { return !replica.status().warnings.empty(); });
  EXPECT_EQ(replica.ready_id(), ours);
}

// Another replica's request lasted longer than our quiet period.
TEST_F(RegistrarTwinsTest, AYoungerReadyTwinWithoutTracesIsGivenUp) {
  replica.run();
  const std::string ours = replica.ready_id();
  older_becomes_ready();
  const std::string unready = mlflow.add("agent-v1", "PENDING");
  mlflow.model(unready).created_ms = 0;
  replica.run_until([this] { return replica.ready_id() == older_twin; });
  EXPECT_EQ(replica.status().warnings,
            Ids{"model " + older_twin + " is in place of its younger twin " + ours +
                ", which no trace has"});
  EXPECT_FALSE(mlflow.model(ours).deleted) << "somebody may have linked to it since";
  EXPECT_FALSE(replica.registrar().next_due()) << "once";
}

TEST_F(RegistrarTwinsTest, AYoungerReadyTwinWithTracesIsKeptAndTold) {
  replica.run();
  const std::string ours = replica.ready_id();
  mlflow.linked_models.push_back(ours);
  older_becomes_ready();
  replica.run_until([this] { return !replica.status().warnings.empty(); });
  EXPECT_EQ(replica.ready_id(), ours);
  const auto tells = [&] {
    const std::string warning = replica.status().warnings.at(0);
    return warning.find(ours) != std::string::npos &&
           warning.find("models set-active " + older_twin) != std::string::npos;
  };
  EXPECT_TRUE(tells());
  replica.registrar().server_changed();
  replica.run();
  EXPECT_TRUE(tells()) << "and again";
}

// Each reconnection verifies, and there may be one right behind the create.
TEST_F(RegistrarTwinsTest, AVerificationComesBeforeTheSearchForAnOlderTwin) {
  replica.run();
  mlflow.calls.clear();
  replica.registrar().server_changed();
  replica.run_until_ready();
  EXPECT_EQ(mlflow.calls, Ids{"GET logged-models/*"}) << "what others have under way has not ended";
  older_becomes_ready();
  expect_the_older_in_the_end();
}

TEST_F(RegistrarTwinsTest, ASearchForAnOlderTwinThatIsLostIsMadeAgain) {
  replica.run();
  older_becomes_ready();
  constexpr std::size_t kSearch = 1;
  replica.http().fail_request(kSearch, FakeHttpClient::Fault::answer_lost);
  replica.run_until([this] { return replica.http().fault_fired() && replica.http().idle(); });
  EXPECT_NE(replica.ready_id(), "") << "no trace waits for it";
  expect_the_older_in_the_end();
}

TEST_F(RegistrarTwinsTest, ALostAnswerAboutItsTracesDoesNotKeepTheYoungerTwin) {
  replica.run();
  older_becomes_ready();
  constexpr std::size_t kTraces = 2;
  replica.http().fail_request(kTraces, FakeHttpClient::Fault::answer_lost);
  expect_the_older_in_the_end();
  EXPECT_TRUE(replica.http().fault_fired());
}

TEST_F(RegistrarTwinsTest, ARefusedSearchForAnOlderTwinIsToldAndHoldsNothing) {
  replica.run();
  const std::string ours = replica.ready_id();
  mlflow.refuse = [](const std::string& call) -> std::optional<HttpResponse> {
    if (call != "POST logged-models/search") return std::nullopt;
    return FakeMlflow::error(403, "PERMISSION_DENIED", "Permission denied");
  };
  replica.run_until([this] { return !replica.registrar().next_due() && !replica.step(); });
  EXPECT_EQ(replica.ready_id(), ours);
  EXPECT_EQ(replica.status().warnings,
            Ids{"whether model " + ours + " has an older twin is not known: Permission denied"});
}

TEST_F(RegistrarTwinsTest, TheCreatorLooksForAnOlderTwinThoughItStartsAgain) {
  replica.run();
  replica.crash();
  replica.run();
  older_becomes_ready();
  expect_the_older_in_the_end();
}

TEST_F(RegistrarTwinsTest, ACreatorThatNeverGotTheAnswerLooksForAnOlderTwin) {
  constexpr std::size_t kCreate = 2;
  replica.http().fail_request(kCreate, FakeHttpClient::Fault::answer_lost);
  replica.run_until_ready();
  older_becomes_ready();
  expect_the_older_in_the_end();
}

TEST_F(RegistrarTwinsTest, WhoeverAdoptedTheYoungerOneLooksForAnOlderTwin) {
  add("READY");
  replica.run();
  older_becomes_ready();
  expect_the_older_in_the_end();
}

TEST_F(RegistrarTwinsTest, EachModelOfAVersionThatWasDeletedIsComparedWithOlderTwins) {
  replica.run();
  replica.run_until([this] { return !replica.registrar().next_due() && !replica.step(); });
  mlflow.model(replica.ready_id()).deleted = true;
  replica.registrar().verify_again(link_hash());
  replica.run_until_ready();
  older_becomes_ready();
  expect_the_older_in_the_end();
}

TEST_F(RegistrarTwinsTest, AYoungerTwinOfOursIsLeftToItsMaker) {
  replica.run();
  const std::string ours = replica.ready_id();
  pass();
  mlflow.add("agent-v1", "READY");
  replica.run_until([this] { return !replica.registrar().next_due() && !replica.step(); });
  EXPECT_EQ(replica.ready_id(), ours);
  EXPECT_TRUE(replica.status().warnings.empty());
}

TEST_F(RegistrarTwinsTest, ARefusedDeletionIsAWarning) {
  lose_the_race();
  mlflow.refuse = [](const std::string& call) -> std::optional<HttpResponse> {
    if (call != "DELETE logged-models/*") return std::nullopt;
    return FakeMlflow::error(403, "PERMISSION_DENIED", "Permission denied");
  };
  replica.run();
  EXPECT_EQ(replica.ready_id(), older_twin);
  ASSERT_EQ(replica.status().warnings.size(), 1u);
  EXPECT_TRUE(replica.status().warnings[0].ends_with("left in place: Permission denied"));
}

TEST_F(RegistrarTwinsTest, AModelWhoseRegistrationFailedIsAnErrorAndNoneIsCreated) {
  add("UPLOAD_FAILED");
  replica.run();
  EXPECT_EQ(replica.status().state, RegistrationState::failed);
  EXPECT_EQ(replica.status().failure->scope, FailureScope::link);
  EXPECT_EQ(replica.status().failure->remedy, remedy::kModelFailed);
  EXPECT_EQ(mlflow.models.size(), 1u);
}

TEST_F(RegistrarTwinsTest, OneThatDisappearsWhileItIsFinalizedIsLookedForAgain) {
  const std::string theirs = add("PENDING");
  mlflow.before = [&](const std::string& call) {
    if (call == "PATCH logged-models/*") mlflow.model(theirs).deleted = true;
  };
  replica.run();
  EXPECT_EQ(replica.status().failure->failure_class, FailureClass::transient);
  mlflow.before = [](const std::string&) {};
  replica.run_until_ready();
  EXPECT_NE(replica.ready_id(), theirs);
}

TEST_F(RegistrarTwinsTest, ACreateWhoseAnswerWasLostIsFoundAgain) {
  replica.http().fail_request(2, FakeHttpClient::Fault::answer_lost);
  replica.run_until_ready();
  EXPECT_EQ(mlflow.count("POST logged-models"), 1u);
  EXPECT_EQ(mlflow.ids_with("READY"), Ids{replica.ready_id()});
}

}  // namespace
}  // namespace tracelink
