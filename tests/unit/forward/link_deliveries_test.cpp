#include "daemon/forward/link_deliveries.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

LinkHash link(std::uint32_t number) {
  LinkHash hash;
  for (std::size_t i = 0; i < 4; ++i) hash.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return hash;
}

SteadyTime at(int second) { return SteadyTime(std::chrono::seconds(second)); }

TEST(LinkDeliveries, AreCountedByLinkWithTheLastTime) {
  LinkDeliveries deliveries;
  deliveries.add(link(1), at(1));
  deliveries.add(link(2), at(2));
  deliveries.add(link(1), at(3));
  EXPECT_EQ(deliveries.of(link(1)).traces, 2u);
  EXPECT_EQ(deliveries.of(link(1)).last_at, at(3));
  EXPECT_EQ(deliveries.of(link(2)).traces, 1u);
  EXPECT_EQ(deliveries.of(link(3)).traces, 0u);
}

TEST(LinkDeliveries, TheQuietestLinkMakesRoom) {
  LinkDeliveries deliveries;
  for (std::uint32_t n = 0; n < 1000; ++n) deliveries.add(link(n), at(static_cast<int>(n)));
  deliveries.add(link(0), at(1000));
  deliveries.add(link(1000), at(1001));
  EXPECT_EQ(deliveries.of(link(1)).traces, 0u);
  EXPECT_EQ(deliveries.of(link(0)).traces, 2u);
  EXPECT_EQ(deliveries.of(link(1000)).traces, 1u);
}

}  // namespace
}  // namespace tracelink
