#include "daemon/destination/mlflow/mlflow_destination.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/codec/link_codec.hpp"
#include "daemon/types/named_experiment.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/fake_http_client.hpp"
#include "tests/support/fake_random_source.hpp"
#include "tests/support/trace_record.hpp"
#include "tests/unit/destination_mlflow/mlflow_server.hpp"

namespace tracelink {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Calls = std::vector<std::string>;
using State = ServerStatus::State;

class MlflowDestinationTest : public ::testing::Test {
 protected:
  ~MlflowDestinationTest() override { destination.cancel(); }

  Result<LinkDefinition> definition(const LinkHash& hash) const {
    if (hash == link_of('?')) return Error{ErrorCode::invalid, "unknown"};
    LinkDefinition link;
    link.id = hash == link_of('x') ? "m-" + std::string(32, 'f') : server.model_id;
    return link;
  }
  static TraceDelivery delivery(std::uint64_t trace, char link = 'a') {
    TraceDelivery delivery;
    const std::string otlp = encode_spans(trace_id(trace), {{}});
    delivery.trace = *prepare_trace(trace_id(trace), {otlp});
    delivery.link = link_of(link);
    return delivery;
  }
  bool accepts(const LinkHash& link = link_of('a'), const std::string& experiment = {}) {
    const auto refusal = destination.refusal(link, experiment);
    hold = refusal.value_or(Failure{});
    return !refusal;
  }
  // Asks now and then whether the link is accepted, as the forwarder does.
  void run_for(milliseconds duration, const LinkHash& link = link_of('a')) {
    const SteadyTime end = clock.steady() + duration;
    for (;;) {
      accepts(link);
      for (int n = 0; n < 10; ++n) destination.poll(milliseconds(0));
      if (clock.steady() >= end) return;
      clock.advance(milliseconds(100));
    }
  }
  void connect() {
    run_for(seconds(1));
    ASSERT_TRUE(accepts()) << hold.message;
  }
  void deliver(std::vector<TraceDelivery> batch) {
    outcomes.clear();
    const std::size_t size = batch.size();
    destination.deliver(std::move(batch), [this](std::vector<Outcome> all) { outcomes = all; });
    for (int n = 0; n < 100 && outcomes.empty(); ++n) destination.poll(milliseconds(0));
    ASSERT_EQ(outcomes.size(), size);
  }

  FakeClock clock;
  FakeRandomSource random;
  FakeFileSystem fs;
  MlflowServer server;
  bool reconnects = false;  // the next request
  FakeHttpClient http{[this](const HttpRequest& request) {
    HttpResponse answer = server.answer(request);
    answer.new_connection = std::exchange(reconnects, false);
    return answer;
  }};
  TrackingClient client{tracking_options(), http};
  Registrar registrar{{.directory = "/models"}, client, fs, clock, random};
  Reporter reporter{clock};
  MlflowDestination::Options options{.metadata = {}, .version_tag = "version"};
  MlflowDestination destination{
      options,  http,  client, registrar, [this](const LinkHash& hash) { return definition(hash); },
      reporter, clock, random};
  Failure hold;
  std::vector<Outcome> outcomes;
};

TEST_F(MlflowDestinationTest, AcceptsNothingBeforeTheServerIsKnown) {
  EXPECT_FALSE(accepts());
  EXPECT_EQ(hold.failure_class, FailureClass::transient);
  EXPECT_EQ(hold.scope, FailureScope::server);
  EXPECT_EQ(destination.server().state, State::none);
  connect();
  EXPECT_EQ(destination.server().state, State::up);
  EXPECT_EQ(destination.server().version, "3.18.0");
}

TEST_F(MlflowDestinationTest, SendsToTheModelAndExperimentOfTheLink) {
  connect();
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(server.traces["1"].metadata["mlflow.modelId"], server.model_id);
  EXPECT_EQ(server.traces["1"].experiment, "5");
}

TEST_F(MlflowDestinationTest, SendsToAnExperimentThatIsKnownByItsName) {
  connect();
  const std::string named = experiment_by_name("e");
  EXPECT_FALSE(accepts(link_of('a'), named));
  EXPECT_EQ(hold.scope, FailureScope::experiment);
  EXPECT_EQ(hold.failure_class, FailureClass::transient);
  for (int n = 0; n < 10; ++n) destination.poll(milliseconds(0));
  const auto changed = destination.take_changed_links();
  EXPECT_NE(std::ranges::find(changed, hash_link(encode_link(named_experiment("e")))),
            changed.end());
  ASSERT_TRUE(accepts(link_of('a'), named)) << hold.message;
  TraceDelivery trace = delivery(1);
  trace.experiment = named;
  std::vector<TraceDelivery> batch;
  batch.push_back(std::move(trace));
  deliver(std::move(batch));
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::delivered) << outcomes[0].failure.message;
  EXPECT_EQ(server.traces["1"].metadata["mlflow.modelId"], server.model_id);
  EXPECT_EQ(server.traces["1"].experiment, "6");
}

TEST_F(MlflowDestinationTest, NamesTheVersionInATag) {
  const auto tags = [this] { return server.bodies.back()["tags"]; };
  connect();
  deliver({delivery(1)});
  EXPECT_EQ(tags()["version"], "agent");
  server.model_tags = {{{"key", "tracelink.model_name"}, {"value", std::string(9'000, '.')}}};
  registrar.server_changed();
  connect();
  deliver({delivery(2)});
  EXPECT_EQ(tags()["version"], std::string(8'000, '.')) << "as it was asked for, as far as it fits";
  ASSERT_TRUE(accepts(LinkHash{}, "7"));
  TraceDelivery unlinked = delivery(3);
  unlinked.link = {};
  unlinked.experiment = "7";
  deliver({unlinked});
  EXPECT_FALSE(tags().contains("version"));
}

TEST_F(MlflowDestinationTest, NamesNoVersionWhereNobodyWantsIt) {
  MlflowDestination silent(
      {}, http, client, registrar, [this](const LinkHash& hash) { return definition(hash); },
      reporter, clock, random);
  for (int n = 0; n < 100 && silent.refusal(link_of('a'), {}); ++n) {
    silent.poll(milliseconds(0));
  }
  silent.deliver({delivery(1)}, [this](std::vector<Outcome> all) { outcomes = all; });
  for (int n = 0; n < 100 && outcomes.empty(); ++n) silent.poll(milliseconds(0));
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(server.bodies.back()["tags"].size(), 1u) << "its name";
}

TEST_F(MlflowDestinationTest, TheExperimentThatAClientAskedForWins) {
  connect();
  TraceDelivery asked = delivery(1);
  asked.experiment = "7";
  deliver({asked});
  EXPECT_EQ(server.traces["1"].experiment, "7");
  EXPECT_EQ(server.traces["1"].metadata["mlflow.modelId"], server.model_id);
}

TEST_F(MlflowDestinationTest, AModelThatIsBeingLookedUpIsWaitedFor) {
  destination.poll(milliseconds(0));
  destination.poll(milliseconds(0));
  ASSERT_EQ(destination.server().state, State::up);
  EXPECT_FALSE(accepts());
  EXPECT_EQ(hold.scope, FailureScope::link);
  EXPECT_EQ(hold.failure_class, FailureClass::transient);
}

TEST_F(MlflowDestinationTest, AModelThatIsGoneHoldsItsLinkAlone) {
  connect();
  run_for(seconds(1), link_of('x'));
  EXPECT_FALSE(accepts(link_of('x')));
  EXPECT_EQ(hold.scope, FailureScope::link);
  EXPECT_EQ(hold.failure_class, FailureClass::configuration);
  EXPECT_FALSE(hold.remedy.empty());
  EXPECT_TRUE(accepts());
}

TEST_F(MlflowDestinationTest, AnUnclearAnswerAboutAModelHoldsItsLinkAlone) {
  connect();
  server.refuse("other model", MlflowServer::error(500, "INTERNAL_ERROR", "no"));
  run_for(seconds(1), link_of('x'));
  EXPECT_FALSE(accepts(link_of('x')));
  EXPECT_EQ(hold.failure_class, FailureClass::unknown);
  EXPECT_EQ(hold.scope, FailureScope::link);
  EXPECT_TRUE(accepts());
}

TEST_F(MlflowDestinationTest, ALinkWhoseDefinitionIsLostIsHeld) {
  connect();
  EXPECT_FALSE(accepts(link_of('?')));
  EXPECT_EQ(hold.failure_class, FailureClass::configuration);
  EXPECT_NE(hold.remedy.find("models/links/"), std::string::npos);
}

TEST_F(MlflowDestinationTest, WithoutALinkAnExperimentIsEnough) {
  connect();
  EXPECT_FALSE(accepts(LinkHash{}));
  EXPECT_EQ(hold.failure_class, FailureClass::configuration);
  EXPECT_TRUE(accepts(LinkHash{}, "7"));
}

TEST_F(MlflowDestinationTest, AServerThatIsTooOldIsRefusedAndAskedSlowly) {
  server.version = "3.4.0";
  run_for(seconds(50));
  EXPECT_FALSE(accepts());
  EXPECT_EQ(destination.server().state, State::refusing);
  EXPECT_EQ(hold.failure_class, FailureClass::configuration);
  EXPECT_FALSE(hold.remedy.empty());
  EXPECT_EQ(std::count(server.calls.begin(), server.calls.end(), "version"), 1);
  server.version = "3.6.0";
  run_for(seconds(12));
  EXPECT_TRUE(accepts()) << "it was upgraded";
}

TEST_F(MlflowDestinationTest, AfterALostConnectionServerAndModelAreAskedAgainFirst) {
  connect();
  http.will_answer(Error{ErrorCode::unavailable, "connection reset"});
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::transient);
  EXPECT_FALSE(accepts());
  EXPECT_EQ(hold.message, "connection reset");
  EXPECT_EQ(destination.server().state, State::down);
  server.version = "3.12.0";
  const std::size_t models_before = server.model_requests;
  connect();
  EXPECT_EQ(destination.server().version, "3.12.0");
  EXPECT_GT(server.model_requests, models_before) << "it may be another server";
}

TEST_F(MlflowDestinationTest, AfterAPauseServerAndModelAreAskedAgainFirst) {
  for (const char* version : {"3.18.0", "3.12.0"}) {
    connect();
    deliver({delivery(1)});
    EXPECT_TRUE(accepts()) << "no pause";
    clock.advance(seconds(6));
    server.version = version;
    const std::size_t models_before = server.model_requests;
    EXPECT_FALSE(accepts());
    EXPECT_EQ(destination.server().state, State::up);
    EXPECT_EQ(hold.failure_class, FailureClass::transient);
    connect();
    EXPECT_EQ(destination.server().version, version);
    EXPECT_GT(server.model_requests, models_before) << "it may be another server";
  }
}

// A balancer may lead to another server, with another database, while requests flow.
TEST_F(MlflowDestinationTest, BehindANewConnectionServerAndModelAreAskedAgain) {
  connect();
  const std::size_t models = server.model_requests;
  reconnects = true;
  for (std::uint64_t trace = 1; trace <= 2; ++trace) {
    deliver({delivery(trace)});
    EXPECT_TRUE(accepts()) << "it has just been asked";
    clock.advance(seconds(3));
  }
  EXPECT_FALSE(accepts());
  EXPECT_EQ(destination.server().state, State::up);
  connect();
  EXPECT_EQ(server.model_requests, models + 1);
  for (std::uint64_t trace = 3; trace <= 4; ++trace) {
    deliver({delivery(trace)});
    clock.advance(seconds(3));
    EXPECT_TRUE(accepts()) << "the same connection";
  }
}

TEST_F(MlflowDestinationTest, AServerThatIsGoneAfterAPauseIsDown) {
  connect();
  clock.advance(seconds(6));
  EXPECT_FALSE(accepts());
  http.will_answer(Error{ErrorCode::unavailable, "connection refused"});
  for (int n = 0; n < 3; ++n) destination.poll(milliseconds(0));
  EXPECT_FALSE(accepts());
  EXPECT_EQ(hold.message, "connection refused");
  EXPECT_EQ(destination.server().state, State::down);
}

TEST_F(MlflowDestinationTest, ARefusedExperimentOfTheLinkIsLookedUpAgain) {
  connect();
  const auto refusal =
      MlflowServer::error(404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=5 exists");
  server.refuse("start 1", refusal);
  std::size_t models_before = server.model_requests;
  deliver({delivery(1)});
  ASSERT_EQ(outcomes[0].failure.scope, FailureScope::experiment);
  run_for(seconds(1));
  EXPECT_GT(server.model_requests, models_before) << "the database may be another one";

  models_before = server.model_requests;
  TraceDelivery asked = delivery(1);
  asked.experiment = "7";
  deliver({asked});
  run_for(seconds(1));
  EXPECT_EQ(server.model_requests, models_before)
      << "a client's experiment says nothing of the link";
}

TEST_F(MlflowDestinationTest, AServerThatRefusesSaysSoUntilItDelivers) {
  connect();
  server.refuse("start 1", {401, {}, "You are not authenticated."});
  deliver({delivery(1)});
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::configuration);
  EXPECT_EQ(destination.server().state, State::refusing);
  server.forgive();
  deliver({delivery(1)});
  EXPECT_EQ(destination.server().state, State::up);
}

TEST_F(MlflowDestinationTest, CancelEndsEverythingAtOnce) {
  connect();
  std::vector<TraceDelivery> batch;
  for (std::uint64_t trace = 1; trace <= 20; ++trace) batch.push_back(delivery(trace));
  destination.deliver(std::move(batch), [this](std::vector<Outcome> all) { outcomes = all; });
  destination.poll(milliseconds(0));
  ASSERT_TRUE(outcomes.empty());
  destination.cancel();
  ASSERT_EQ(outcomes.size(), 20u);
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.kind, OutcomeKind::transient);
  EXPECT_TRUE(http.idle());
}

TEST_F(MlflowDestinationTest, AnswersComeFromPollOnly) {
  connect();
  bool answered = false;
  destination.deliver({delivery(1)}, [&](auto&&) { answered = true; });
  while (!http.idle()) http.poll(milliseconds(0));
  EXPECT_FALSE(answered);
  destination.poll(milliseconds(0));
  EXPECT_TRUE(answered);
}

}  // namespace
}  // namespace tracelink
