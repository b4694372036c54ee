#include "daemon/forward/batch_size.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(BatchSize, DoublesUpToTheBound) {
  BatchSize size(50);
  std::vector<std::size_t> values;
  for (int n = 0; n < 5; ++n, size.grow()) values.push_back(size.value());
  EXPECT_EQ(values, (std::vector<std::size_t>{8, 16, 32, 50, 50}));
}

TEST(BatchSize, HalvesDownToOne) {
  BatchSize size(50);
  std::vector<std::size_t> values;
  for (int n = 0; n < 5; ++n, size.shrink()) values.push_back(size.value());
  EXPECT_EQ(values, (std::vector<std::size_t>{8, 4, 2, 1, 1}));
}

TEST(BatchSize, NeverExceedsASmallBound) {
  EXPECT_EQ(BatchSize(3).value(), 3u);
  EXPECT_EQ(BatchSize(0).value(), 1u);
}

}  // namespace
}  // namespace tracelink
