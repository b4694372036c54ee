#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "ipc/server/deadlines.hpp"
#include "ipc/server/fair_queue.hpp"
#include "ipc/server/memory_budget.hpp"
#include "ipc/server/peer.hpp"

namespace tracelink {
namespace {

using namespace std::chrono_literals;

constexpr ClientId kA{1, 1}, kB{1, 2}, kOther{2, 3};

TEST(FairQueue, GoesByTurnsOfClientsNotByTheOrderOfAsking) {
  FairQueue queue;
  for (RequestId id = 1; id <= 3; ++id) queue.push(kA, id, 10);
  queue.push(kB, 4, 10);
  std::vector<RequestId> order;
  while (!queue.empty()) order.push_back(queue.pop());
  EXPECT_EQ(order, (std::vector<RequestId>{1, 2, 4, 3}));
}

TEST(FairQueue, ASmallRequestDoesNotWaitForTheLargeOnesOfOthers) {
  FairQueue queue;
  for (RequestId id = 1; id <= 10; ++id) queue.push({1, id}, id, 1000);
  queue.push({1, 99}, 99, 1);
  EXPECT_EQ(queue.pop(), 99u);
}

TEST(FairQueue, AClientThatComesBackTakesItsTurnAgain) {
  FairQueue queue;
  queue.push(kA, 1, 100);
  queue.push(kOther, 2, 150);
  EXPECT_EQ(queue.pop(), 1u);
  queue.push(kA, 3, 100);  // ends at 200, the other one at 150
  EXPECT_EQ(queue.pop(), 2u);
  EXPECT_EQ(queue.pop(), 3u);
}

TEST(FairQueue, TheConnectionsOfOneUserShareItsTurns) {
  FairQueue queue;
  for (RequestId id = 1; id <= 10; ++id) queue.push({1, id}, id, 10);
  for (RequestId id = 11; id <= 14; ++id) queue.push(kOther, id, 10);
  std::vector<RequestId> order;
  for (int i = 0; i < 8; ++i) order.push_back(queue.pop());
  EXPECT_EQ(std::ranges::count_if(order, [](RequestId id) { return id > 10; }), 4);
}

TEST(FairQueue, ForgetsWhatIsRemoved) {
  FairQueue queue;
  queue.push(kA, 1, 10);
  queue.push(kB, 2, 10);
  queue.remove(1);
  queue.remove(7);
  EXPECT_EQ(queue.pop(), 2u);
  EXPECT_TRUE(queue.empty());
}

std::vector<RequestId> granted(MemoryBudget& budget) {
  std::vector<RequestId> ids;
  while (const auto next = budget.next_granted()) ids.push_back(next->id);
  return ids;
}

TEST(MemoryBudget, GrantsUpToTheLimitAndThenAsItIsReleased) {
  MemoryBudget budget(100, 0);
  EXPECT_TRUE(budget.reserve(kA, 1, 60));
  EXPECT_TRUE(budget.reserve(kA, 2, 40));
  EXPECT_FALSE(budget.reserve(kA, 3, 1));
  EXPECT_FALSE(budget.reserve(kB, 4, 1));
  budget.release(kA, 60);
  EXPECT_EQ(granted(budget), (std::vector<RequestId>{3, 4}));
  EXPECT_EQ(budget.used_bytes(), 42u);
}

TEST(MemoryBudget, NobodyOvertakesAWaitingReservation) {
  MemoryBudget budget(100, 0);
  EXPECT_TRUE(budget.reserve(kA, 1, 60));
  EXPECT_FALSE(budget.reserve(kA, 2, 60));
  EXPECT_FALSE(budget.reserve(kA, 3, 1));
  budget.cancel(2);
  EXPECT_EQ(granted(budget), (std::vector<RequestId>{3}));
}

TEST(MemoryBudget, WhatIsAClientsOwnDoesNotWait) {
  MemoryBudget budget(100, 10);
  EXPECT_TRUE(budget.reserve(kA, 1, 100));
  EXPECT_FALSE(budget.reserve(kA, 2, 10));
  EXPECT_TRUE(budget.reserve(kB, 3, 6));
  EXPECT_FALSE(budget.reserve(kB, 4, 6));
  EXPECT_EQ(budget.used_bytes(), 106u);
  budget.release(kB, 6);
  EXPECT_TRUE(budget.reserve(kB, 5, 10));
}

TEST(MemoryBudget, GrantsMoreThanTheLimitAlone) {
  MemoryBudget budget(100, 0);
  EXPECT_TRUE(budget.reserve(kA, 1, 500));
  EXPECT_TRUE(budget.exceeded());
  EXPECT_FALSE(budget.reserve(kA, 2, 500));
  budget.release(kA, 500);
  EXPECT_EQ(granted(budget), (std::vector<RequestId>{2}));
}

TEST(MemoryBudget, WhatThoseThatWaitHoldDoesNotKeepThemWaiting) {
  MemoryBudget budget(100, 0);
  EXPECT_TRUE(budget.reserve(kA, 1, 10));
  EXPECT_TRUE(budget.reserve(kB, 2, 10));
  EXPECT_FALSE(budget.reserve(kA, 1, 500, 10));
  EXPECT_EQ(granted(budget), std::vector<RequestId>{});  // the other one may still be ready soon
  EXPECT_FALSE(budget.reserve(kB, 2, 500, 10));
  EXPECT_EQ(granted(budget), (std::vector<RequestId>{1}));
  budget.release(kA, 510);
  EXPECT_EQ(granted(budget), (std::vector<RequestId>{2}));
  budget.release(kB, 510);
  EXPECT_TRUE(budget.reserve(kB, 3, 10));
  EXPECT_TRUE(budget.reserve(kB, 3, 500, 10));
}

TEST(MemoryBudget, WhatNoLongerWaitsIsHeld) {
  MemoryBudget budget(100, 0);
  EXPECT_TRUE(budget.reserve(kA, 1, 10));
  EXPECT_TRUE(budget.reserve(kB, 2, 10));
  EXPECT_FALSE(budget.reserve(kA, 1, 500, 10));
  EXPECT_FALSE(budget.reserve(kB, 2, 500, 10));
  budget.cancel(1);
  EXPECT_EQ(granted(budget), std::vector<RequestId>{});
  budget.release(kA, 10);
  EXPECT_EQ(granted(budget), (std::vector<RequestId>{2}));
}

TEST(MemoryBudget, ALowerLimitTakesNothingBack) {
  MemoryBudget budget(100, 0);
  EXPECT_TRUE(budget.reserve(kA, 1, 80));
  budget.set_limits(50, 0);
  EXPECT_TRUE(budget.exceeded());
  EXPECT_FALSE(budget.reserve(kA, 2, 30));
  budget.release(kA, 80);
  EXPECT_EQ(granted(budget), (std::vector<RequestId>{2}));
}

TEST(MemoryBudget, AHigherLimitGrantsWhatWaits) {
  MemoryBudget budget(50, 0);
  EXPECT_TRUE(budget.reserve(kA, 1, 40));
  EXPECT_FALSE(budget.reserve(kA, 2, 40));
  budget.set_limits(100, 0);
  EXPECT_EQ(granted(budget), (std::vector<RequestId>{2}));
}

TEST(MemoryBudget, ResizeCountsBothWays) {
  MemoryBudget budget(100, 0);
  EXPECT_TRUE(budget.reserve(kA, 1, 50));
  budget.resize(kA, 50, 120);
  EXPECT_TRUE(budget.exceeded());
  budget.resize(kA, 120, 10);
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
