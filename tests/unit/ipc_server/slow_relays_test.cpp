#include "ipc/server/slow_relays.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using std::chrono::milliseconds;

class SlowRelaysTest : public ::testing::Test {
 protected:
  std::vector<SlowRelays::Delay> seen;
  int looks = 0;
  SlowRelays slow{[this] {
    ++looks;
    return seen;
  }};
  SteadyTime now{std::chrono::hours(1)};
};

TEST_F(SlowRelaysTest, TellsTheLongestDelayFirstAndEachOnce) {
  seen = {{milliseconds(5), 1}, {milliseconds(9), 2}, {milliseconds(7), 3}};
  EXPECT_EQ(slow.next(now), 2u);
  EXPECT_EQ(slow.next(now), 3u);
  EXPECT_EQ(slow.next(now), 1u);
  EXPECT_EQ(slow.next(now), std::nullopt);
  EXPECT_EQ(looks, 1);
}

TEST_F(SlowRelaysTest, OneLookServesAllWhoWaitForAPlace) {
  for (int tick = 1; tick <= 3; ++tick) {
    for (int waiting = 0; waiting < 2'000; ++waiting) EXPECT_EQ(slow.next(now), std::nullopt);
    EXPECT_EQ(looks, tick);
    now += SlowRelays::kLookEach;
  }
}

TEST_F(SlowRelaysTest, AnEarlierLookIsForgotten) {
  seen = {{milliseconds(5), 1}, {milliseconds(9), 2}};
  EXPECT_EQ(slow.next(now), 2u);
  seen = {{milliseconds(60), 3}};
  now += SlowRelays::kLookEach;
  EXPECT_EQ(slow.next(now), 3u);
  EXPECT_EQ(slow.next(now), std::nullopt);
}

}  // namespace
}  // namespace tracelink
