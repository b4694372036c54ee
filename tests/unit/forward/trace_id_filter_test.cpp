#include "daemon/forward/trace_id_filter.hpp"

#include <gtest/gtest.h>

#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

constexpr std::uint64_t kSecret = 7;

TEST(TraceIdFilterTest, FindsWhatWasAddedAndNothingOnceItIsCleared) {
  TraceIdFilter ids(kSecret);
  EXPECT_FALSE(ids.contains(trace_id(1)));
  ids.add(trace_id(1));
  EXPECT_TRUE(ids.contains(trace_id(1)));
  EXPECT_FALSE(ids.contains(trace_id(2)));
  ids.clear();
  EXPECT_FALSE(ids.contains(trace_id(1)));
}

TEST(TraceIdFilterTest, OneIdThatIsAddedOftenFillsNothing) {
  TraceIdFilter ids(kSecret, 64);
  for (int n = 0; n < 1'000; ++n) ids.add(trace_id(1));
  ids.add(trace_id(2));
  EXPECT_TRUE(ids.contains(trace_id(1)));
  EXPECT_TRUE(ids.contains(trace_id(2)));
}

TEST(TraceIdFilterTest, WithTooManyInItItFindsNothing) {
  TraceIdFilter ids(kSecret, 64);
  for (std::uint64_t n = 0; n < 1'000; ++n) ids.add(trace_id(n));
  for (std::uint64_t n = 0; n < 1'000; ++n) ASSERT_FALSE(ids.contains(trace_id(n)));
}

TEST(TraceIdFilterTest, WithAMillionInItHardlyAnyOtherIsFound) {
  constexpr std::uint64_t kMillion = TraceIdFilter::kMaxIds;
  TraceIdFilter ids(kSecret);
  for (std::uint64_t n = 0; n < kMillion; ++n) ids.add(trace_id(n));
  int found = 0;
  for (std::uint64_t n = 0; n < 10'000; ++n) {
    ASSERT_TRUE(ids.contains(trace_id(n)));
    found += ids.contains(trace_id(kMillion + n)) ? 1 : 0;
  }
  EXPECT_LT(found, 20) << "one in 1,000";
}

}  // namespace
}  // namespace tracelink
