#include "daemon/app/descriptors.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(Descriptors, AllGetWhatTheyMayWhereTheLimitIsLarge) {
  const DescriptorShares all{.clients = 2000, .control = 64, .probes = 32, .relayed = 0};
  EXPECT_EQ(*share_descriptors(16384, {.clients = 2000, .deliveries = 2}), all);
}

TEST(Descriptors, StateAndDeliveriesComeFirstWhereItIsSmall) {
  const DescriptorShares some{
      .clients = (1024u - 80 - 64 - 32 - 2) - 846 / 33, .control = 64, .probes = 32, .relayed = 0};
  EXPECT_EQ(*share_descriptors(1024, {.clients = 2000, .deliveries = 2}), some);
  const DescriptorShares few{.clients = 10, .control = 4, .probes = 2, .relayed = 0};
  EXPECT_EQ(*share_descriptors(64, {.clients = 2000, .deliveries = 2}), few);
}

TEST(Descriptors, RequestsThatArePassedOnHaveTheirShare) {
  const auto large = share_descriptors(16384, {.clients = 2000, .deliveries = 2, .relays = true});
  EXPECT_EQ(large->relayed, 256u);
  EXPECT_EQ(large->clients, 2000u);
  const auto small = share_descriptors(1024, {.clients = 2000, .deliveries = 2, .relays = true});
  EXPECT_EQ(small->relayed, 235u);
  EXPECT_EQ(small->clients, (846u - 235) - (846 - 235) / 33);
}

TEST(Descriptors, AStartWithTooFewSaysHowManyAreNeeded) {
  EXPECT_TRUE(share_descriptors(55, {.clients = 2000, .deliveries = 2}));
  const auto refused = share_descriptors(54, {.clients = 2000, .deliveries = 2});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid);
  EXPECT_EQ(refused.error().message,
            "the process may open 54 files and needs at least 55: raise that (LimitNOFILE= of the "
            "unit, ulimit -n)");
}

TEST(Descriptors, TheSoftLimitIsRaised) {
  const std::size_t limit = raised_descriptor_limit();
  EXPECT_EQ(raised_descriptor_limit(), limit);
  EXPECT_GT(limit, 0u);
}

}  // namespace
}  // namespace tracelink
