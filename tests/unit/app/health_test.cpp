#include "daemon/app/health.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

constexpr SteadyTime kNow{std::chrono::hours(1)};

ForwardStatus stepped(std::chrono::seconds ago) {
  ForwardStatus status;
  status.stepped_at = kNow - ago;
  return status;
}

TEST(Health, AThreadThatMakesRoundsDoesNotHang) {
  EXPECT_FALSE(forwarder_hangs(stepped(std::chrono::seconds(60)), kNow));
  EXPECT_TRUE(forwarder_hangs(stepped(std::chrono::seconds(61)), kNow));
}

TEST(Health, FaultsHaveWords) {
  ForwardStatus status = stepped(std::chrono::seconds(1));
  EXPECT_EQ(fault_of(status, kNow), "");
  status.is_stuck = true;
  EXPECT_EQ(fault_of(status, kNow), "traces could be delivered, and none is");
  EXPECT_EQ(fault_of(stepped(std::chrono::seconds(61)), kNow), "the forwarder thread hangs");
}

TEST(Health, AServerThatIsAwayIsNoFaultOfTheDaemon) {
  ForwardStatus status = stepped(std::chrono::seconds(1));
  status.server.state = ServerStatus::State::down;
  EXPECT_EQ(fault_of(status, kNow), "");
}

}  // namespace
}  // namespace tracelink
