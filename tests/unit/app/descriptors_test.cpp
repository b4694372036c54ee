#include "daemon/app/descriptors.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(Descriptors, ClientsGetWhatTheyMayWhereTheLimitIsLarge) {
  EXPECT_EQ(clients_within(16384, 2000, 2), 2000u);
  EXPECT_EQ(clients_within(256, 64, 2), 64u);
}

TEST(Descriptors, StateAndControlComeFirstWhereItIsSmall) {
  EXPECT_EQ(clients_within(1024, 2000, 2), (1024u - 80 - 64 - 32 - 2) - 846 / 33);
  EXPECT_EQ(clients_within(64, 2000, 2), 1u);
}

TEST(Descriptors, TheSoftLimitIsRaised) {
  const std::size_t limit = raised_descriptor_limit();
  EXPECT_EQ(raised_descriptor_limit(), limit);
  EXPECT_GT(limit, 0u);
}

}  // namespace
}  // namespace tracelink
