#include "daemon/app/service_counters.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using Counts = ServiceCounters::Counts;

TEST(ServiceCounters, AddsUpTheSpansOfEachService) {
  ServiceCounters counters;
  counters.add("checkout", 2);
  counters.add("", 3);
  counters.add("checkout", 5);
  EXPECT_EQ(counters.all(), (Counts{{"checkout", 7}, {"none", 3}}));
}

TEST(ServiceCounters, WhatIsOverTheBoundIsOther) {
  ServiceCounters counters;
  for (int n = 0; n < 150; ++n) counters.add("s" + std::to_string(n), 2);
  counters.add("s0", 1);
  const Counts all = counters.all();
  EXPECT_EQ(all.size(), ServiceCounters::kMostNames + 1);
  EXPECT_EQ(all.at("other"), 100u);
  EXPECT_EQ(all.at("s0"), 3u);
}

TEST(ServiceCounters, ALongNameIsCut) {
  ServiceCounters counters;
  counters.add(std::string(1000, 'x'), 1);
  EXPECT_EQ(counters.all(), (Counts{{std::string(200, 'x'), 1}}));
}

}  // namespace
}  // namespace tracelink
