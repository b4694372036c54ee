#include "daemon/base/wall_time_of.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace tracelink {
namespace {

TEST(WallTimeOf, AnEventKeepsItsAgeWhateverTheWallClockIsSetTo) {
  for (const auto set_by : {std::chrono::hours(-47), std::chrono::hours(47)}) {
    FakeClock clock;
    const SteadyTime event = clock.steady();
    clock.advance(std::chrono::minutes(3));
    clock.set_wall_by(set_by);
    EXPECT_EQ(clock.wall() - wall_time_of(event, clock), std::chrono::minutes(3));
    EXPECT_EQ(wall_time_of(clock.steady() + std::chrono::minutes(1), clock) - clock.wall(),
              std::chrono::minutes(1));
  }
}

}  // namespace
}  // namespace tracelink
