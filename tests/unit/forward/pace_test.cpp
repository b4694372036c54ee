#include "daemon/forward/pace.hpp"

#include <chrono>
#include <limits>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace tracelink {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

class PaceTest : public ::testing::Test {
 protected:
  // Everything that may be sent in that time is, and is taken; its number.
  std::size_t send_for(Pace& pace, std::chrono::milliseconds time) {
    std::size_t sent = 0;
    const SteadyTime end = clock.steady() + time;
    while (clock.steady() < end) {
      if (const std::size_t now = pace.allowance()) {
        pace.sent(now);
        pace.answered(now, false);
        sent += now;
      }
      clock.advance(milliseconds(1));
    }
    return sent;
  }
  FakeClock clock;
};

TEST_F(PaceTest, WithoutARateEverythingGoes) {
  Pace pace(0, clock);
  pace.sent(1'000'000);
  EXPECT_EQ(pace.allowance(), kAny);
  EXPECT_EQ(pace.next_due(), std::nullopt);
  EXPECT_EQ(pace.per_second(), 0);
}

TEST_F(PaceTest, ARateIsKeptInBurstsOfATenthOfASecond) {
  Pace pace(200, clock);
  EXPECT_EQ(pace.allowance(), 20u);
  pace.sent(20);
  EXPECT_EQ(pace.allowance(), 0u);
  EXPECT_EQ(pace.next_due(), clock.steady() + milliseconds(100));
  clock.advance(milliseconds(99));
  EXPECT_EQ(pace.allowance(), 0u);
  clock.advance(milliseconds(1));
  EXPECT_EQ(pace.allowance(), 20u);
  EXPECT_EQ(send_for(pace, seconds(10)), 2'000u);
}

TEST_F(PaceTest, ASlowRateGoesTraceByTrace) {
  Pace pace(2, clock);
  EXPECT_EQ(send_for(pace, seconds(10)), 20u);
  EXPECT_EQ(pace.per_second(), 2);
}

TEST_F(PaceTest, WhatWasNotUsedIsNotSaved) {
  Pace pace(100, clock);
  clock.advance(seconds(3'600));
  EXPECT_EQ(pace.allowance(), 10u);
}

TEST_F(PaceTest, ARefusalHalvesTheRateOnceASecond) {
  Pace pace(100, clock);
  pace.answered(0, true);
  pace.answered(0, true);  // of the other batch that was on its way
  EXPECT_EQ(pace.per_second(), 50);
  clock.advance(seconds(1));
  pace.answered(0, true);
  EXPECT_EQ(pace.per_second(), 25);
  for (int n = 0; n < 10; ++n) {
    clock.advance(seconds(1));
    pace.answered(0, true);
  }
  EXPECT_EQ(pace.per_second(), 1);
}

TEST_F(PaceTest, TheRateComesBackAsTracesAreTaken) {
  Pace pace(100, clock);
  pace.answered(0, true);
  pace.answered(10, false);
  EXPECT_EQ(pace.per_second(), 51);
  send_for(pace, seconds(10));
  EXPECT_EQ(pace.per_second(), 100);
}

TEST_F(PaceTest, WithoutARateARefusalBeginsAtHalfOfWhatWasSentAndEndsAtDouble) {
  Pace pace(0, clock);
  pace.sent(300);
  clock.advance(milliseconds(500));
  pace.answered(0, true);
  EXPECT_EQ(pace.per_second(), 150);
  EXPECT_EQ(pace.allowance(), 0u) << "not at once";
  clock.advance(milliseconds(100));
  EXPECT_EQ(pace.allowance(), 15u);
  send_for(pace, seconds(10));
  EXPECT_GT(pace.per_second(), 350);
  EXPECT_LT(pace.per_second(), 600);
  send_for(pace, seconds(10));
  EXPECT_EQ(pace.per_second(), 0);
  EXPECT_EQ(pace.allowance(), kAny);
}

TEST_F(PaceTest, AServerThatTakesAHundredASecondIsFoundByTrying) {
  Pace pace(0, clock);
  std::size_t taken = 0;
  for (int second = 0; second < 120; ++second) {
    std::size_t room = 100;
    for (int step = 0; step < 20; ++step, clock.advance(milliseconds(50))) {
      const std::size_t batch = std::min<std::size_t>(pace.allowance(), 50);
      if (batch == 0) continue;
      pace.sent(batch);
      const bool fits = batch <= room;
      pace.answered(fits ? batch : 0, !fits);
      if (!fits) continue;
      room -= batch;
      taken += batch;
    }
  }
  EXPECT_GT(taken, 120u * 60u) << "of 12,000 that it would have taken";
  EXPECT_LE(taken, 120u * 100u);
}

}  // namespace
}  // namespace tracelink
