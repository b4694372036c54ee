#include "daemon/forward/log_throttle.hpp"

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

}  // namespace
}  // namespace tracelink
