#include <gtest/gtest.h>

#include "ipc/server/deadlines.hpp"
#include "ipc/server/memory_budget.hpp"
#include "ipc/server/peer.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;

TEST(MemoryBudget, GrantsUpToTheLimitAndThenInOrder) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.reserve(1, 60));
  EXPECT_TRUE(budget.reserve(2, 40));
  EXPECT_FALSE(budget.reserve(3, 1));
  EXPECT_FALSE(budget.reserve(4, 1));
  budget.release(60);
  EXPECT_EQ(budget.next_granted(), 3u);
  EXPECT_EQ(budget.next_granted(), 4u);
  EXPECT_EQ(budget.next_granted(), std::nullopt);
  EXPECT_EQ(budget.used_bytes(), 42u);
}

TEST(MemoryBudget, ResumesOnlyBelowHalf) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.reserve(1, 49));
  EXPECT_TRUE(budget.reserve(2, 51));
  EXPECT_FALSE(budget.reserve(3, 10));
  budget.release(49);  // 51 left
  EXPECT_EQ(budget.next_granted(), std::nullopt);
  budget.release(1);
  EXPECT_EQ(budget.next_granted(), 3u);
}

TEST(MemoryBudget, NobodyOvertakesAWaitingReservation) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.reserve(1, 60));
  EXPECT_FALSE(budget.reserve(2, 60));
  EXPECT_FALSE(budget.reserve(3, 1));
  budget.cancel(2);
  budget.release(20);
  EXPECT_EQ(budget.next_granted(), 3u);
}

TEST(MemoryBudget, GrantsMoreThanTheLimitAlone) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.reserve(1, 500));
  EXPECT_TRUE(budget.exceeded());
  EXPECT_FALSE(budget.reserve(2, 500));
  budget.release(500);
  EXPECT_EQ(budget.next_granted(), 2u);
}

TEST(MemoryBudget, ResizeCountsBothWays) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.reserve(1, 50));
  budget.resize(50, 120);
  EXPECT_TRUE(budget.exceeded());
  budget.resize(120, 10);
  EXPECT_EQ(budget.used_bytes(), 10u);
}

TEST(Deadlines, TakesTheExpiredInOrder) {
  Deadlines deadlines;
  const SteadyTime start{};
  deadlines.add(start + 3s, 1);
  deadlines.add(start + 1s, 2);
  deadlines.add(start + 1s, 3);
  deadlines.remove(start + 1s, 3);
  EXPECT_EQ(deadlines.earliest(), start + 1s);
  EXPECT_EQ(deadlines.take_expired(start), std::nullopt);
  EXPECT_EQ(deadlines.take_expired(start + 1s), 2u);
  EXPECT_EQ(deadlines.take_expired(start + 2s), std::nullopt);
  EXPECT_EQ(deadlines.take_expired(start + 5s), 1u);
  EXPECT_EQ(deadlines.earliest(), std::nullopt);
}

TEST(PeerPolicy, AllowsByUidGidOrSupplementaryGroup) {
  const Peer peer{1, 1000, 100};
  EXPECT_TRUE((PeerPolicy{{}, {}}.allows(peer, {})));
  EXPECT_TRUE((PeerPolicy{{1000}, {}}.allows(peer, {})));
  EXPECT_FALSE((PeerPolicy{{1001}, {}}.allows(peer, {})));
  EXPECT_TRUE((PeerPolicy{{1001}, {100}}.allows(peer, {})));
  EXPECT_TRUE((PeerPolicy{{}, {27}}.allows(peer, {4, 27})));
  EXPECT_FALSE((PeerPolicy{{}, {27}}.allows(peer, {4})));
}

}  // namespace
}  // namespace tracelink
