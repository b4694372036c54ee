#include "daemon/base/histogram.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using namespace std::chrono_literals;

TEST(DurationHistogram, ABoundBelongsToTheBucketBelowIt) {
  DurationHistogram histogram(kOperationBounds);
  histogram.add(1ms);
  histogram.add(1ms + 1us);
  EXPECT_EQ(histogram.counts()[1], 1u);
  EXPECT_EQ(histogram.counts()[2], 1u);
  EXPECT_DOUBLE_EQ(histogram.sum_seconds(), 0.002001);
}

TEST(DurationHistogram, WhatIsOverEveryBoundIsCountedLast) {
  DurationHistogram histogram(kLagBounds);
  histogram.add(24h * 30);
  EXPECT_EQ(histogram.counts().back(), 1u);
}

}  // namespace
}  // namespace tracelink
