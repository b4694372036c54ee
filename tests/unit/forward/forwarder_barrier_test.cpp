#include <chrono>

#include "tests/unit/forward/forwarder_fixture.hpp"

// Whoever waits until everything that was stored before is at the server.
namespace tracelink {
namespace {

using std::chrono::milliseconds;

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

}  // namespace
}  // namespace tracelink
