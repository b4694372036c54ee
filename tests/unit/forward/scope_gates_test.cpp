#include "daemon/forward/scope_gates.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/fixed_random_source.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Permit = ScopeGates::Permit;

class ScopeGatesTest : public ::testing::Test {
 protected:
  static Failure failure(FailureClass failure_class,
                         std::optional<milliseconds> retry_after = std::nullopt) {
    Failure failure;
    failure.failure_class = failure_class;
    failure.retry_after = retry_after;
    return failure;
  }
  void fail(const GroupKey& group, FailureScope scope, FailureClass failure_class) {
    gates.failed(group, scope_key(scope, group), failure(failure_class));
  }
  void fail_transient(FailureScope scope = FailureScope::server) {
    fail(kGroup, scope, FailureClass::transient);
  }
  void probe() {
    ASSERT_EQ(gates.permit(kGroup), Permit::probe);
    gates.begin_probe(kGroup);
  }

  const GroupKey kGroup{link_of('a'), ""};
  const GroupKey kOther{link_of('b'), ""};
  const GroupKey kInSeven{link_of('a'), "7"};
  const GroupKey kOtherInSeven{link_of('b'), "7"};
  FakeClock clock;
  FixedRandomSource random;
  ScopeGates gates{RetryDelay{}, minutes(1), clock, random};
};

TEST_F(ScopeGatesTest, EverythingIsOpenAtFirst) {
  EXPECT_EQ(gates.permit(kGroup), Permit::yes);
  EXPECT_FALSE(gates.next_probe());
  EXPECT_TRUE(gates.holds().empty());
}

TEST_F(ScopeGatesTest, AServerFailureHoldsEverythingUntilTheBackOffIsOver) {
  fail_transient();
  EXPECT_EQ(gates.permit(kGroup), Permit::no);
  EXPECT_EQ(gates.permit(kOtherInSeven), Permit::no);
  EXPECT_EQ(gates.next_probe(), clock.steady() + milliseconds(500));
  clock.advance(milliseconds(500));
  EXPECT_EQ(gates.permit(kGroup), Permit::probe);
}

TEST_F(ScopeGatesTest, OneProbeAtATime) {
  fail_transient();
  clock.advance(milliseconds(500));
  probe();
  EXPECT_EQ(gates.permit(kGroup), Permit::no);
  EXPECT_EQ(gates.permit(kOther), Permit::no);
  EXPECT_FALSE(gates.next_probe()) << "the answer decides";
}

TEST_F(ScopeGatesTest, AFailedProbeDoublesTheBackOff) {
  fail_transient();
  clock.advance(milliseconds(500));
  probe();
  fail_transient();
  EXPECT_EQ(gates.next_probe(), clock.steady() + seconds(1));
  ASSERT_EQ(gates.holds().size(), 1u);
  EXPECT_EQ(gates.holds()[0].failures, 2);
  EXPECT_EQ(gates.holds()[0].since, clock.wall() - milliseconds(500));
}

TEST_F(ScopeGatesTest, ASuccessfulProbeOpens) {
  fail_transient();
  clock.advance(milliseconds(500));
  probe();
  EXPECT_EQ(gates.succeeded(kGroup).size(), 1u);
  EXPECT_EQ(gates.permit(kGroup), Permit::yes);
  EXPECT_TRUE(gates.succeeded(kGroup).empty());
}

TEST_F(ScopeGatesTest, WhatWasInFlightWhenTheScopeClosedSaysNothingNew) {
  fail_transient();
  fail_transient();
  EXPECT_EQ(gates.holds()[0].failures, 1);
}

TEST_F(ScopeGatesTest, RetryAfterIsHonoured) {
  gates.failed(kGroup, scope_key(FailureScope::server, kGroup),
               failure(FailureClass::transient, seconds(90)));
  clock.advance(seconds(89));
  EXPECT_EQ(gates.permit(kGroup), Permit::no);
  clock.advance(seconds(1));
  EXPECT_EQ(gates.permit(kGroup), Permit::probe);
}

TEST_F(ScopeGatesTest, AConfigurationFailureIsProbedSlowly) {
  fail(kInSeven, FailureScope::experiment, FailureClass::configuration);
  clock.advance(seconds(59));
  EXPECT_EQ(gates.permit(kInSeven), Permit::no);
  clock.advance(seconds(1));
  EXPECT_EQ(gates.permit(kInSeven), Permit::probe);
}

TEST_F(ScopeGatesTest, AnExperimentHoldsOnlyItself) {
  fail(kInSeven, FailureScope::experiment, FailureClass::configuration);
  EXPECT_EQ(gates.permit(kOtherInSeven), Permit::no) << "whatever the link";
  EXPECT_EQ(gates.permit(kGroup), Permit::yes);
  EXPECT_TRUE(gates.is_held_alone(kOtherInSeven));
  EXPECT_FALSE(gates.is_held_alone(kGroup));
}

TEST_F(ScopeGatesTest, ALinkHoldsOnlyItselfInAllItsExperiments) {
  fail(kGroup, FailureScope::link, FailureClass::configuration);
  EXPECT_EQ(gates.permit(kInSeven), Permit::no);
  EXPECT_EQ(gates.permit(kOther), Permit::yes);
}

TEST_F(ScopeGatesTest, TheServerAsAWholeIsNotHeldAlone) {
  fail_transient();
  EXPECT_FALSE(gates.is_held_alone(kGroup));
  EXPECT_TRUE(gates.is_held({}));
}

TEST_F(ScopeGatesTest, AnExperimentThatNobodyAskedForIsTheLinks) {
  const ScopeKey key = scope_key(FailureScope::experiment, kGroup);
  EXPECT_EQ(key, scope_key(FailureScope::link, kGroup));
  EXPECT_FALSE(is_peer_chosen(key));
  EXPECT_TRUE(is_peer_chosen(scope_key(FailureScope::experiment, kInSeven)));
}

TEST_F(ScopeGatesTest, ANarrowerFailureOpensTheServer) {
  fail_transient();
  clock.advance(milliseconds(500));
  gates.begin_probe(kInSeven);
  fail(kInSeven, FailureScope::experiment, FailureClass::configuration);
  EXPECT_EQ(gates.permit(kGroup), Permit::yes);
  EXPECT_EQ(gates.permit(kInSeven), Permit::no);
}

TEST_F(ScopeGatesTest, NestedHoldsAllHaveToAllowTheProbe) {
  fail(kInSeven, FailureScope::experiment, FailureClass::configuration);
  clock.advance(minutes(1));
  fail(kOther, FailureScope::server, FailureClass::transient);
  EXPECT_EQ(gates.permit(kInSeven), Permit::no) << "the server still waits";
  clock.advance(milliseconds(500));
  EXPECT_EQ(gates.permit(kInSeven), Permit::probe);
  gates.begin_probe(kInSeven);
  EXPECT_EQ(gates.permit(kGroup), Permit::no) << "it is the server's probe too";
  EXPECT_EQ(gates.succeeded(kInSeven).size(), 2u);
}

TEST_F(ScopeGatesTest, AServerFailureOfAProbeLetsTheNarrowerScopeBeProbedAgain) {
  fail(kInSeven, FailureScope::experiment, FailureClass::configuration);
  clock.advance(minutes(1));
  gates.begin_probe(kInSeven);
  fail(kInSeven, FailureScope::server, FailureClass::transient);
  EXPECT_EQ(gates.permit(kInSeven), Permit::no);
  clock.advance(milliseconds(500));
  EXPECT_EQ(gates.permit(kInSeven), Permit::probe);
}

TEST_F(ScopeGatesTest, AnotherClassOfFailureCountsAnew) {
  fail_transient();
  clock.advance(milliseconds(500));
  probe();
  fail(kGroup, FailureScope::server, FailureClass::configuration);
  ASSERT_EQ(gates.holds().size(), 1u);
  EXPECT_EQ(gates.holds()[0].failures, 1);
  EXPECT_EQ(gates.holds()[0].since, clock.wall());
}

}  // namespace
}  // namespace tracelink
