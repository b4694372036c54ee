#include "daemon/forward/circuit_breakers.hpp"

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
using Permit = CircuitBreakers::Permit;

class CircuitBreakersTest : public ::testing::Test {
 protected:
  static Failure failure(FailureClass failure_class,
                         std::optional<milliseconds> retry_after = std::nullopt) {
    Failure failure;
    failure.failure_class = failure_class;
    failure.retry_after = retry_after;
    return failure;
  }
  void fail(const GroupKey& group, FailureScope scope, FailureClass failure_class) {
    breakers.failed(group, scope_key(scope, group), failure(failure_class));
  }
  void fail_transient(FailureScope scope = FailureScope::server) {
    fail(kGroup, scope, FailureClass::transient);
  }
  void probe() {
    ASSERT_EQ(breakers.ask(kGroup).permit, Permit::probe);
    breakers.begin_probe(kGroup);
  }

  const GroupKey kGroup{link_of('a'), ""};
  const GroupKey kOther{link_of('b'), ""};
  const GroupKey kInSeven{link_of('a'), "7"};
  const GroupKey kOtherInSeven{link_of('b'), "7"};
  FakeClock clock;
  FixedRandomSource random;
  CircuitBreakers breakers{RetryDelay{}, minutes(1), clock, random};
};

TEST_F(CircuitBreakersTest, EverythingIsOpenAtFirst) {
  EXPECT_EQ(breakers.ask(kGroup).permit, Permit::yes);
  EXPECT_FALSE(breakers.next_due());
  EXPECT_TRUE(breakers.held().empty());
}

TEST_F(CircuitBreakersTest, AServerFailureHoldsEverythingUntilTheBackOffIsOver) {
  fail_transient();
  EXPECT_EQ(breakers.ask(kGroup).permit, Permit::no);
  EXPECT_EQ(breakers.ask(kOtherInSeven).permit, Permit::no);
  EXPECT_EQ(breakers.next_due(), clock.steady() + milliseconds(500));
  clock.advance(milliseconds(500));
  EXPECT_EQ(breakers.ask(kGroup).permit, Permit::probe);
}

TEST_F(CircuitBreakersTest, OneProbeAtATime) {
  fail_transient();
  clock.advance(milliseconds(500));
  probe();
  EXPECT_EQ(breakers.ask(kGroup).permit, Permit::no);
  EXPECT_EQ(breakers.ask(kOther).permit, Permit::no);
  EXPECT_FALSE(breakers.next_due()) << "the answer decides";
}

TEST_F(CircuitBreakersTest, AFailedProbeDoublesTheBackOff) {
  fail_transient();
  clock.advance(milliseconds(500));
  probe();
  fail_transient();
  EXPECT_EQ(breakers.next_due(), clock.steady() + seconds(1));
  ASSERT_EQ(breakers.held().size(), 1u);
  EXPECT_EQ(breakers.held().begin()->second.failures, 2);
  EXPECT_EQ(breakers.held().begin()->second.since, clock.steady() - milliseconds(500));
}

TEST_F(CircuitBreakersTest, ASuccessfulProbeOpens) {
  fail_transient();
  clock.advance(milliseconds(500));
  probe();
  EXPECT_EQ(breakers.succeeded(kGroup).size(), 1u);
  EXPECT_EQ(breakers.ask(kGroup).permit, Permit::yes);
  EXPECT_TRUE(breakers.succeeded(kGroup).empty());
}

TEST_F(CircuitBreakersTest, WhatWasInFlightWhenTheScopeClosedSaysNothingNew) {
  fail_transient();
  fail_transient();
  EXPECT_EQ(breakers.held().begin()->second.failures, 1);
}

TEST_F(CircuitBreakersTest, RetryAfterIsHonoured) {
  breakers.failed(kGroup, scope_key(FailureScope::server, kGroup),
                  failure(FailureClass::transient, seconds(90)));
  clock.advance(seconds(89));
  EXPECT_EQ(breakers.ask(kGroup).permit, Permit::no);
  clock.advance(seconds(1));
  EXPECT_EQ(breakers.ask(kGroup).permit, Permit::probe);
}

TEST_F(CircuitBreakersTest, AConfigurationFailureIsProbedSlowly) {
  fail(kInSeven, FailureScope::experiment, FailureClass::configuration);
  clock.advance(seconds(59));
  EXPECT_EQ(breakers.ask(kInSeven).permit, Permit::no);
  clock.advance(seconds(1));
  EXPECT_EQ(breakers.ask(kInSeven).permit, Permit::probe);
}

TEST_F(CircuitBreakersTest, AnExperimentHoldsOnlyItself) {
  fail(kInSeven, FailureScope::experiment, FailureClass::configuration);
  EXPECT_EQ(breakers.ask(kOtherInSeven).permit, Permit::no) << "whatever the link";
  EXPECT_EQ(breakers.ask(kGroup).permit, Permit::yes);
}

TEST_F(CircuitBreakersTest, ALinkHoldsOnlyItselfInAllItsExperiments) {
  fail(kGroup, FailureScope::link, FailureClass::configuration);
  EXPECT_EQ(breakers.ask(kInSeven).permit, Permit::no);
  EXPECT_EQ(breakers.ask(kOther).permit, Permit::yes);
}

TEST_F(CircuitBreakersTest, ATransientFailureHoldsTheServerAsAWhole) {
  fail_transient();
  EXPECT_EQ(breakers.held().size(), 1u);
  EXPECT_NE(breakers.find({}), nullptr);
}

TEST_F(CircuitBreakersTest, AnExperimentThatNobodyAskedForIsTheLinks) {
  const ScopeKey key = scope_key(FailureScope::experiment, kGroup);
  EXPECT_EQ(key, scope_key(FailureScope::link, kGroup));
}

TEST_F(CircuitBreakersTest, ANarrowerFailureOpensTheServer) {
  fail_transient();
  clock.advance(milliseconds(500));
  breakers.begin_probe(kInSeven);
  fail(kInSeven, FailureScope::experiment, FailureClass::configuration);
  EXPECT_EQ(breakers.ask(kGroup).permit, Permit::yes);
  EXPECT_EQ(breakers.ask(kInSeven).permit, Permit::no);
}

TEST_F(CircuitBreakersTest, NestedHoldsAllHaveToAllowTheProbe) {
  fail(kInSeven, FailureScope::experiment, FailureClass::configuration);
  clock.advance(minutes(1));
  fail(kOther, FailureScope::server, FailureClass::transient);
  EXPECT_EQ(breakers.ask(kInSeven).permit, Permit::no) << "the server still waits";
  clock.advance(milliseconds(500));
  EXPECT_EQ(breakers.ask(kInSeven).permit, Permit::probe);
  breakers.begin_probe(kInSeven);
  EXPECT_EQ(breakers.ask(kGroup).permit, Permit::no) << "it is the server's probe too";
  EXPECT_EQ(breakers.succeeded(kInSeven).size(), 2u);
}

TEST_F(CircuitBreakersTest, AServerFailureOfAProbeLetsTheNarrowerScopeBeProbedAgain) {
  fail(kInSeven, FailureScope::experiment, FailureClass::configuration);
  clock.advance(minutes(1));
  breakers.begin_probe(kInSeven);
  fail(kInSeven, FailureScope::server, FailureClass::transient);
  EXPECT_EQ(breakers.ask(kInSeven).permit, Permit::no);
  clock.advance(milliseconds(500));
  EXPECT_EQ(breakers.ask(kInSeven).permit, Permit::probe);
}

TEST_F(CircuitBreakersTest, AnotherClassOfFailureCountsAnew) {
  fail_transient();
  clock.advance(milliseconds(500));
  probe();
  fail(kGroup, FailureScope::server, FailureClass::configuration);
  ASSERT_EQ(breakers.held().size(), 1u);
  EXPECT_EQ(breakers.held().begin()->second.failures, 1);
  EXPECT_EQ(breakers.held().begin()->second.since, clock.steady());
}

}  // namespace
}  // namespace tracelink
