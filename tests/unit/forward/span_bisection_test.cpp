#include "daemon/forward/span_bisection.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using Spans = std::set<std::size_t>;

struct Search {
  Spans found;
  std::vector<std::size_t> delivered;
  int requests = 0;
};

// Answers as a server that refuses every request with a bad span in it.
Search search(std::size_t total, const Spans& bad) {
  SpanBisection bisection(total);
  Search search;
  while (const auto range = bisection.current()) {
    ++search.requests;
    const auto first = bad.lower_bound(range->begin);
    if (first != bad.end() && *first < range->end) {
      bisection.current_refused();
      continue;
    }
    for (std::size_t i = range->begin; i < range->end; ++i) search.delivered.push_back(i);
    bisection.current_delivered();
  }
  search.found = bisection.bad();
  return search;
}

TEST(SpanBisection, FindsExactlyTheBadSpansAndDeliversEachOtherOnce) {
  for (std::size_t total = 2; total <= 9; ++total) {
    for (unsigned mask = 1; mask < (1u << total); ++mask) {
      Spans bad;
      std::vector<std::size_t> good;
      for (std::size_t i = 0; i < total; ++i) {
        if ((mask >> i & 1) != 0) bad.insert(i);
        if ((mask >> i & 1) == 0) good.push_back(i);
      }
      const Search result = search(total, bad);
      ASSERT_EQ(result.found, bad) << total << " " << mask;
      ASSERT_EQ(result.delivered, good) << "in their order";
    }
  }
}

TEST(SpanBisection, OneBadSpanAmongManyTakesFewRequests) {
  const Search result = search(1024, {700});
  EXPECT_EQ(result.found, Spans{700});
  EXPECT_LE(result.requests, 2 * 10);
}

TEST(SpanBisection, GivesUpATraceWhoseFirstSpansAreAllRefused) {
  Spans all;
  for (std::size_t i = 0; i < 5000; ++i) all.insert(i);
  const Search refused = search(5000, all);
  EXPECT_EQ(refused.found, all);
  EXPECT_TRUE(refused.delivered.empty());
  EXPECT_LE(refused.requests, 2 * static_cast<int>(SpanBisection::kGiveUpAfter) + 14);

  all.erase(0);  // one that is delivered shows that it is about single spans
  const Search first_is_good = search(5000, all);
  EXPECT_EQ(first_is_good.found, all);
  EXPECT_EQ(first_is_good.delivered, std::vector<std::size_t>{0});
}

TEST(SpanBisection, WhenNothingIsRefusedAnyMoreNothingIsBad) {
  EXPECT_TRUE(search(5, {}).found.empty());
}

}  // namespace
}  // namespace tracelink
