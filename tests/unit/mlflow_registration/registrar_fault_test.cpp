#include <algorithm>
#include <functional>
#include <random>

#include "daemon/mlflow/registration/model_choice.hpp"
#include "tests/unit/mlflow_registration/registrar_harness.hpp"

// docs/design.md#p5: whatever is lost at whatever step, one version ends with one READY model, and
// what others made stays.
namespace tracelink {
namespace {

using Fault = FakeHttpClient::Fault;
using Ids = std::vector<std::string>;

struct World {
  FakeClock clock;
  FakeMlflow mlflow{clock};
  Replica replica{mlflow, clock};

  // Of models that the replicas did not make.
  Ids foreign() const {
    Ids ids;
    for (const auto& model : mlflow.models) {
      if (!model.tags.contains(kInstanceTag)) ids.push_back(model.id);
    }
    return ids;
  }
  void expect_one_ready_model() {
    ASSERT_EQ(mlflow.ids_with("READY"), Ids{replica.ready_id()});
    for (const std::string& id : foreign()) EXPECT_FALSE(mlflow.model(id).deleted);
    for (const std::string& id : mlflow.ids_with("PENDING")) {
      EXPECT_FALSE(mlflow.model(id).tags.contains(kInstanceTag)) << "own twin left: " << id;
    }
    Replica latecomer(mlflow, clock, 99);
    latecomer.link = replica.link;
    latecomer.run();
    EXPECT_EQ(latecomer.ready_id(), replica.ready_id());
  }
};

struct Scenario {
  const char* name;
  std::function<void(World&)> prepare;
};

const Scenario kScenarios[] = {
    {"EmptyServer", [](World&) {}},
    {"NewExperiment", [](World& world) { world.replica.link.experiment.name = "/Shared/a"; }},
    {"RefusedName", [](World& world) { world.replica.link.version = "v1.2"; }},
    {"TakenPortableName",
     [](World& world) {
       world.replica.link.version = "v1.2";
       world.mlflow.add("agent-v1-2", "PENDING");
     }},
    {"ForeignPending", [](World& world) { world.mlflow.add("agent-v1", "PENDING"); }},
    {"ForeignReadyToComplete",
     [](World& world) {
       world.mlflow.add("agent-v1", "READY");
       world.replica.link.params = {{"llm", "gpt"}};
       world.replica.link.tags = {{"team", "ml"}};
     }},
    {"LostRace",
     [](World& world) {
       world.mlflow.before = [&world](const std::string& call) {
         if (call == "POST logged-models" && world.foreign().empty()) {
           world.mlflow.add("agent-v1", "PENDING");
         }
       };
     }},
};

struct RegistrarFaultTest : testing::TestWithParam<Scenario> {
  static void lose_each_request(Fault fault) {
    for (std::size_t n = 0;; ++n) {
      SCOPED_TRACE("request " + std::to_string(n));
      World world;
      GetParam().prepare(world);
      world.replica.http().fail_request(n, fault);
      world.replica.run_until_ready();
      world.expect_one_ready_model();
      if (HasFailure() || !world.replica.http().fault_fired()) return;
    }
  }
};

TEST_P(RegistrarFaultTest, AnyRequestMayBeLost) { lose_each_request(Fault::not_done); }

TEST_P(RegistrarFaultTest, AnyAnswerMayBeLost) { lose_each_request(Fault::answer_lost); }

TEST_P(RegistrarFaultTest, ACrashMayComeAtAnyStep) {
  for (int n = 0;; ++n) {
    SCOPED_TRACE("step " + std::to_string(n));
    World world;
    GetParam().prepare(world);
    world.replica.want();
    world.replica.run_until(
        [&] { return world.replica.steps == n || world.replica.status().verified; });
    const bool over = world.replica.steps < n;
    world.replica.crash();
    world.replica.run_until_ready();
    world.expect_one_ready_model();
    if (HasFailure() || over) return;
  }
}

TEST_P(RegistrarFaultTest, ThePowerMayFailAtAnyFileOperation) {
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    World world;
    GetParam().prepare(world);
    world.replica.fs.lose_power_at(n);
    world.replica.run();
    const bool fired = world.replica.fs.fired();
    world.replica.crash();
    world.replica.run_until_ready();
    world.expect_one_ready_model();
    if (HasFailure() || !fired) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, RegistrarFaultTest, testing::ValuesIn(kScenarios),
                         [](const auto& test) { return std::string(test.param.name); });

// Several daemons of one version, their requests and answers interleaved at random. Time passes
// only while nothing is under way: no request takes longer than the quiet period.
struct RegistrarRaceTest : testing::TestWithParam<std::uint32_t> {
  static constexpr std::size_t kReplicas = 4;

  std::mt19937 random{GetParam()};
  FakeClock clock;
  FakeMlflow mlflow{clock};
  std::vector<std::unique_ptr<Replica>> replicas;

  RegistrarRaceTest() {
    mlflow.commit_time = [this] { return std::chrono::milliseconds(random() % 1'500); };
    for (std::size_t i = 0; i < kReplicas; ++i) {
      replicas.push_back(std::make_unique<Replica>(mlflow, clock, GetParam() * kReplicas + i));
    }
  }

  bool all_ready() {
    return std::ranges::all_of(replicas,
                               [](const auto& replica) { return replica->status().verified; });
  }
  void wait_for_the_next() {
    std::optional<SteadyTime> next;
    for (const auto& replica : replicas) {
      const auto due = replica->registrar().next_due();
      if (due && (!next || *due < *next)) next = due;
    }
    if (next && *next > clock.steady()) clock.advance(*next - clock.steady());
  }
  // Steps one that can, chosen at random; whether there was any.
  bool step_one() {
    std::shuffle(replicas.begin(), replicas.end(), random);
    return std::ranges::any_of(replicas, [](const auto& replica) { return replica->step(); });
  }
  void disturb_one() {
    Replica& victim = *replicas.front();
    switch (random() % 3) {
      case 0:
        victim.crash();
        return victim.want();
      case 1:
        return victim.http().fail_request(0, Fault::not_done);
      default:
        return victim.http().fail_request(0, Fault::answer_lost);
    }
  }
  // Until all are ready, with this many disturbances on the way.
  void run(int disturbances) {
    for (const auto& replica : replicas) replica->want();
    for (int i = 0; !all_ready(); ++i) {
      ASSERT_LT(i, 20'000);
      if (!step_one()) wait_for_the_next();
      if (disturbances > 0 && random() % 8 == 0) {
        disturb_one();
        --disturbances;
      }
    }
  }
  void expect_agreement() {
    const Ids ready = mlflow.ids_with("READY");
    ASSERT_EQ(ready.size(), 1u);
    for (const auto& replica : replicas) EXPECT_EQ(replica->ready_id(), ready.front());
  }
};

TEST_P(RegistrarRaceTest, AllAgreeOnOneModelAndClearUp) {
  run(0);
  expect_agreement();
  EXPECT_EQ(mlflow.ids_with("PENDING"), Ids{});
}

TEST_P(RegistrarRaceTest, AllAgreeThoughAnswersAreLostAndProcessesDie) {
  run(12);
  expect_agreement();
}

TEST_P(RegistrarRaceTest, AllAgreeOnAPortableNameAndANewExperiment) {
  for (const auto& replica : replicas) {
    replica->link.version = "v1.2";
    replica->link.experiment.name = "/Shared/a";
  }
  run(0);
  expect_agreement();
  EXPECT_EQ(mlflow.experiments.size(), 2u);
}

TEST_P(RegistrarRaceTest, SomebodyElsesModelStays) {
  const std::string theirs = mlflow.add("agent-v1", "PENDING");
  run(12);
  expect_agreement();
  EXPECT_FALSE(mlflow.model(theirs).deleted);
}

// Requests that make a model READY are done long after their clients have given them up, so that
// two may be READY. Everybody ends with the older one.
struct RegistrarLateRequestTest : RegistrarRaceTest {
  std::vector<std::pair<SteadyTime, std::string>> late;  // when, which model

  RegistrarLateRequestTest() {
    for (const auto& replica : replicas) {
      replica->options.delete_twins = false;
      replica->start();
    }
    mlflow.refuse = [this](const std::string& call) -> std::optional<HttpResponse> {
      const Ids pending = mlflow.ids_with("PENDING");
      if (call != "PATCH logged-models/*" || pending.empty() || late.size() > 4) {
        return std::nullopt;
      }
      const std::chrono::seconds lasts(random() % 60);
      late.emplace_back(clock.steady() + lasts, pending[random() % pending.size()]);
      return FakeMlflow::error(504, "", "Gateway Timeout");
    };
  }
  void do_what_is_late() {
    for (const auto& [when, id] : late) {
      if (when <= clock.steady()) mlflow.model(id).status = "LOGGED_MODEL_READY";
    }
  }
};

TEST_P(RegistrarLateRequestTest, AllAgreeInTheEnd) {
  for (const auto& replica : replicas) replica->want();
  const SteadyTime end = clock.steady() + std::chrono::minutes(10);
  while (clock.steady() < end) {
    do_what_is_late();
    if (!step_one()) clock.advance(std::chrono::milliseconds(100));
  }
  const std::string agreed = replicas.front()->ready_id();
  EXPECT_NE(agreed, "");
  for (const auto& replica : replicas) EXPECT_EQ(replica->ready_id(), agreed);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RegistrarRaceTest, testing::Range(1u, 41u));
INSTANTIATE_TEST_SUITE_P(Seeds, RegistrarLateRequestTest, testing::Range(1u, 41u));

}  // namespace
}  // namespace tracelink
