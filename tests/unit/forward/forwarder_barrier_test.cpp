#include <chrono>

#include "tests/unit/forward/forwarder_fixture.hpp"

// Whoever waits until everything that was stored before is at the server.
namespace tracelink {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class ForwarderBarrierTest : public ForwarderFixture {
 protected:
  // Somebody begins to wait now, and the loop makes some rounds.
  bool is_all_sent() {
    const SteadyTime since = clock.steady();
    clock.advance(milliseconds(1));
    for (int n = 0; n < 2; ++n) {
      forwarder->hurry(std::nullopt);
      run_for(milliseconds(60));
    }
    return forwarder->has_delivered_all(since);
  }
  // The server knows none of the experiments that clients name.
  void refuse_experiments() {
    destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
      return delivery.experiment.empty() ? Outcome{} : misconfigured(FailureScope::experiment);
    }));
  }
};

TEST_F(ForwarderBarrierTest, NothingIsKnownBeforeTheFirstRound) {
  start();
  EXPECT_FALSE(forwarder->has_delivered_all(clock.steady()));
  EXPECT_TRUE(is_all_sent());
}

TEST_F(ForwarderBarrierTest, HoldsUntilTheServerHasWhatWasThere) {
  start();
  destination.hold_answers(true);
  accept(1);
  EXPECT_FALSE(is_all_sent());
  destination.hold_answers(false);
  EXPECT_TRUE(is_all_sent());
}

TEST_F(ForwarderBarrierTest, IsNotAboutWhatComesLater) {
  start();
  const SteadyTime since = clock.steady();
  clock.advance(milliseconds(1));
  run_for(milliseconds(1));
  destination.hold_answers(true);
  accept(1);
  run_for(milliseconds(60));
  EXPECT_TRUE(forwarder->has_delivered_all(since));
}

TEST_F(ForwarderBarrierTest, DoesNotWaitForARoot) {
  start();
  accept(1, 2, 2);
  EXPECT_TRUE(is_all_sent());
}

TEST_F(ForwarderBarrierTest, WaitsForAServerThatNobodyHasHeardOf) {
  start();
  destination.hold_answers(true);
  accept(1);
  for (const auto state : {ServerStatus::State::none, ServerStatus::State::up}) {
    destination.server_is(state);
    EXPECT_FALSE(is_all_sent());
  }
  for (const auto state : {ServerStatus::State::down, ServerStatus::State::refusing}) {
    destination.server_is(state);
    EXPECT_TRUE(is_all_sent());
  }
}

TEST_F(ForwarderBarrierTest, WaitsForAModelThatIsBeingRegistered) {
  start();
  Failure registering;
  registering.scope = FailureScope::link;
  destination.refuse([](const LinkHash&, const std::string&) { return true; }, registering);
  accept(1);
  EXPECT_FALSE(is_all_sent());
  destination.refuse({}, {});
  EXPECT_TRUE(is_all_sent());
}

// What a client chose, and the server took nothing of so far, has no turn before the server is
// known.
TEST_F(ForwarderBarrierTest, WaitsForAnExperimentThatIsNew) {
  start();
  destination.refuse([](const LinkHash&, const std::string&) { return true; },
                     transient(FailureScope::server).failure);
  accept(1, From{.experiment = "12"});
  EXPECT_FALSE(is_all_sent());
  destination.refuse({}, {});
  EXPECT_TRUE(is_all_sent());
}

TEST_F(ForwarderBarrierTest, DoesNotWaitForWhatAnOperatorHasToMend) {
  start();
  destination.refuse([](const LinkHash& link, const std::string&) { return link == link_of('b'); },
                     misconfigured(FailureScope::link).failure);
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.experiment == "wrong" ? misconfigured(FailureScope::experiment) : Outcome{};
  }));
  accept(1, From{.link = 'b'});
  accept(2, From{.experiment = "wrong"});
  EXPECT_TRUE(is_all_sent());
  destination.hold_answers(true);
  accept(3);
  EXPECT_FALSE(is_all_sent()) << "a good one beside them";
}

// More than a status lists, and most of their traces were never sent.
TEST_F(ForwarderBarrierTest, DoesNotWaitForWrongExperimentsHoweverMany) {
  refuse_experiments();
  for (std::uint64_t n = 1; n <= 404; ++n) {
    accept(n, From{.experiment = std::to_string(1000 + n % 101)});
  }
  run_for(minutes(1));
  EXPECT_TRUE(is_all_sent());
  accept(405, From{.experiment = "1001"});
  run();
  EXPECT_TRUE(is_all_sent()) << "another one of them";
  destination.hold_answers(true);
  accept(406);
  EXPECT_FALSE(is_all_sent()) << "a good one beside them";
}

TEST_F(ForwarderBarrierTest, DoesNotWaitForWhatIsHeldUnreadInTheQueue) {
  options.window_records = 10;
  options.held_records = 40;
  refuse_experiments();
  for (std::uint64_t n = 1; n <= 300; ++n) accept(n, From{.experiment = std::to_string(1000 + n)});
  run_for(minutes(3));
  ASSERT_GT(source.spilled_records(), 200u);
  EXPECT_TRUE(is_all_sent());
}

TEST_F(ForwarderBarrierTest, WaitsForAFlood) {
  options.window_records = 40;
  options.max_traces_per_batch = 1;
  start();
  destination.follow(ScriptedDestination::each([this](const TraceDelivery&) {
    clock.advance(milliseconds(20));
    return Outcome{};
  }));
  for (std::uint64_t n = 1; n <= 200; ++n) accept(n);
  bool is_sent = false;
  while (source.totals().delivered < 200) {
    EXPECT_FALSE(is_sent);
    is_sent = is_all_sent();
  }
  EXPECT_GT(source.spilled_records(), 100u);
  EXPECT_TRUE(is_all_sent());
}

TEST_F(ForwarderBarrierTest, WaitsForATraceThatIsRetried) {
  start();
  destination.follow(ScriptedDestination::each([](const TraceDelivery&) { return transient(); }));
  accept(1);
  EXPECT_FALSE(is_all_sent());
  destination.follow(ScriptedDestination::each([](const TraceDelivery&) { return Outcome{}; }));
  EXPECT_FALSE(is_all_sent());
  run_for(seconds(1));
  EXPECT_TRUE(is_all_sent());
}

// The info of one trace is answered unclearly for a day, while others go through.
TEST_F(ForwarderBarrierTest, DoesNotWaitForATraceThatFailsAgainAndAgain) {
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    const bool bad = delivery.trace.info.trace_id == trace_id(1);
    return bad ? failed(OutcomeKind::unknown, FailureClass::unknown) : Outcome{};
  }));
  accept(1);
  for (std::uint64_t n = 2; n <= 10; ++n) {
    accept(n);
    run_for(seconds(3));
  }
  ASSERT_EQ(source.totals().queued, 1u);
  EXPECT_TRUE(is_all_sent());
}

// Of one experiment all answers are unclear, so that most of its traces are never sent.
TEST_F(ForwarderBarrierTest, DoesNotWaitForAnExperimentThatFailsAgainAndAgain) {
  start();
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.experiment.empty() ? Outcome{} : transient(FailureScope::experiment);
  }));
  for (std::uint64_t n = 1; n <= 10; ++n) accept(n, From{.experiment = "12"});
  EXPECT_FALSE(is_all_sent());
  run_for(minutes(1));
  EXPECT_TRUE(is_all_sent());
  destination.follow(ScriptedDestination::each([](const TraceDelivery&) { return Outcome{}; }));
  run_for(minutes(2));
  ASSERT_EQ(source.totals().delivered, 10u);
  destination.hold_answers(true);
  accept(11, From{.experiment = "12"});
  EXPECT_FALSE(is_all_sent()) << "it works again";
}

TEST_F(ForwarderBarrierTest, DoesNotWaitForAModelWhoseRegistrationDoesNotEnd) {
  destination.refuse([](const LinkHash& link, const std::string&) { return link == link_of('b'); },
                     transient(FailureScope::link).failure);
  accept(1, From{.link = 'b'});
  accept(2);
  run();
  EXPECT_FALSE(is_all_sent());
  run_for(minutes(5));
  EXPECT_TRUE(is_all_sent());
}

TEST_F(ForwarderBarrierTest, DoesNotWaitForWhatComesForATraceThatIsHeld) {
  refuse_experiments();
  accept(1, From{.experiment = "7"});
  run();
  accept(1, 2, 2, From{.experiment = "7"});
  run();
  EXPECT_TRUE(is_all_sent());
}

TEST_F(ForwarderBarrierTest, DoesNotWaitForAProbeThatIsNotAnswered) {
  refuse_experiments();
  accept(1, From{.experiment = "7"});
  accept(2, From{.experiment = "7"});
  run();
  destination.hold_answers_to([](const auto& batch) { return batch.front().experiment == "7"; });
  run_for(minutes(2));
  ASSERT_EQ(destination.in_flight(), 1u);
  EXPECT_TRUE(is_all_sent());
  accept(3, From{.experiment = "8"});
  EXPECT_FALSE(is_all_sent()) << "one that was never tried";
}

}  // namespace
}  // namespace tracelink
