#include "daemon/report/log_throttle.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace tracelink {
namespace {

using std::chrono::seconds;

class LogThrottleTest : public ::testing::Test {
 protected:
  FakeClock clock;
  LogThrottle throttle{clock};
};

TEST_F(LogThrottleTest, ANewFailureIsDueAtOnce) {
  EXPECT_EQ(throttle.due("server", "down"), 1u);
  EXPECT_EQ(throttle.due("experiment 7", "down"), 1u);
}

TEST_F(LogThrottleTest, ARepeatedOneOnceAMinuteWithItsCount) {
  EXPECT_EQ(throttle.due("server", "down"), 1u);
  EXPECT_FALSE(throttle.due("server", "down"));
  clock.advance(seconds(59));
  EXPECT_FALSE(throttle.due("server", "down"));
  clock.advance(seconds(1));
  EXPECT_EQ(throttle.due("server", "down"), 3u);
  EXPECT_FALSE(throttle.due("server", "down"));
}

TEST_F(LogThrottleTest, AnotherMessageOfTheSubjectIsNews) {
  EXPECT_EQ(throttle.due("server", "down"), 1u);
  EXPECT_EQ(throttle.due("server", "busy"), 1u);
  EXPECT_FALSE(throttle.due("server", "busy"));
}

TEST_F(LogThrottleTest, AMessageWithOtherNumbersIsTheSame) {
  EXPECT_EQ(throttle.due("server", "no connection to port 9 after 0 ms"), 1u);
  EXPECT_FALSE(throttle.due("server", "no connection to port 9 after 12 ms"));
  EXPECT_EQ(throttle.due("queue", "open 00000009.segment: Permission denied"), 1u);
  EXPECT_FALSE(throttle.due("queue", "open 0000000c.segment: Permission denied"));
  EXPECT_EQ(throttle.due("queue", "open 0000000c.segment: Input/output error"), 1u);
}

TEST_F(LogThrottleTest, WithoutASubjectEachKindOfMessageIsOne) {
  EXPECT_EQ(throttle.due("refused uid 7"), 1u);
  EXPECT_EQ(throttle.due("pid 3 speaks TLS"), 1u);
  EXPECT_FALSE(throttle.due("refused uid 8"));
  EXPECT_FALSE(throttle.due("pid 4 speaks TLS"));
  clock.advance(seconds(60));
  EXPECT_EQ(throttle.due("refused uid 9"), 2u);
}

TEST_F(LogThrottleTest, ClearingTellsWhetherSomethingHadBeenSaid) {
  EXPECT_FALSE(throttle.clear("server"));
  throttle.due("server", "down");
  EXPECT_TRUE(throttle.clear("server"));
  EXPECT_FALSE(throttle.clear("server"));
  EXPECT_EQ(throttle.due("server", "down"), 1u);
}

TEST_F(LogThrottleTest, SubjectsQuietForAnHourAreForgotten) {
  throttle.due("experiment 7", "gone");
  clock.advance(std::chrono::hours(1) + seconds(1));
  throttle.due("server", "down");
  EXPECT_FALSE(throttle.clear("experiment 7"));
}

// How many of `count` failures of invented subjects are due.
std::size_t due_of_invented(LogThrottle& throttle, int count, const std::string& kind) {
  std::size_t due = 0;
  for (int i = 0; i < count; ++i) {
    if (throttle.due(kind + " " + std::string(static_cast<std::size_t>(1 + i), 'x'), "gone")) ++due;
  }
  return due;
}

TEST_F(LogThrottleTest, AKindOfSubjectsHasTenLinesAMinute) {
  EXPECT_EQ(due_of_invented(throttle, 300, "link"), 10u);
  EXPECT_EQ(throttle.due("server", "down"), 1u) << "another kind";
  clock.advance(seconds(60));
  EXPECT_EQ(due_of_invented(throttle, 300, "link"), 10u);
}

TEST_F(LogThrottleTest, WhatIsLeftOutIsToldOnceTheMinuteIsOver) {
  due_of_invented(throttle, 300, "link");
  EXPECT_FALSE(throttle.take_left_out());
  clock.advance(seconds(60));
  const auto left_out = throttle.take_left_out();
  ASSERT_TRUE(left_out);
  EXPECT_EQ(left_out->kind, "link");
  EXPECT_EQ(left_out->lines, 290u);
  EXPECT_FALSE(throttle.take_left_out());
}

TEST_F(LogThrottleTest, ASubjectThatWasLeftOutHasNotBeenSaid) {
  due_of_invented(throttle, 11, "link");
  EXPECT_TRUE(throttle.clear("link x"));
  EXPECT_FALSE(throttle.clear("link " + std::string(11, 'x')));
}

TEST_F(LogThrottleTest, AThousandSubjectsAreKnownAtMost) {
  for (int minute = 0; minute < 59; ++minute) {
    for (const char* kind : {"link", "experiment"}) {
      for (int i = 0; i < 10; ++i) {
        const std::string name(static_cast<std::size_t>(1 + 10 * minute + i), 'x');
        EXPECT_TRUE(throttle.due(std::string(kind) + " " + name, "gone"));
      }
    }
    clock.advance(seconds(60));
  }
  EXPECT_FALSE(throttle.clear("link x")) << "the oldest one made room";
  EXPECT_TRUE(throttle.clear("link " + std::string(590, 'x')));
}

TEST_F(LogThrottleTest, NewsOfAKindAreTenAMinuteToo) {
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(throttle.admit("models"));
  EXPECT_FALSE(throttle.admit("models"));
  clock.advance(seconds(60));
  EXPECT_TRUE(throttle.admit("models"));
}

}  // namespace
}  // namespace tracelink
