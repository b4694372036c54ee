#include "daemon/text/utc_time.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using std::chrono::milliseconds;

TEST(UtcText, WritesDaysSecondsAndMilliseconds) {
  struct Row {
    long long ms;
    const char* iso;
    const char* compact;
    const char* day;
  };
  constexpr Row kRows[] = {
      {0, "1970-01-01T00:00:00.000Z", "19700101T000000", "1970-01-01"},
      {1'795'434'871'043, "2026-11-23T11:54:31.043Z", "20261123T115431", "2026-11-23"},
      {1'709'251'199'999, "2024-02-29T23:59:59.999Z", "20240229T235959", "2024-02-29"},
      {1'709'251'200'000, "2024-03-01T00:00:00.000Z", "20240301T000000", "2024-03-01"},
      {-1, "1969-12-31T23:59:59.999Z", "19691231T235959", "1969-12-31"},
  };
  for (const Row& row : kRows) {
    const WallTime at{milliseconds(row.ms)};
    EXPECT_EQ(utc_iso(at), row.iso);
    EXPECT_EQ(utc_compact(at), row.compact);
    EXPECT_EQ(utc_day(at), row.day);
  }
}

TEST(UtcText, ReadsWhatItWrites) {
  const WallTime at{std::chrono::milliseconds(1'795'434'871'043)};
  EXPECT_EQ(parse_utc_iso(utc_iso(at)), at);
  EXPECT_EQ(parse_utc_iso("2026-11-23T11:54:31Z"), std::chrono::floor<std::chrono::seconds>(at));
  for (const char* wrong : {"", "2026-11-23", "2026-11-23T11:54:31", "2026-11-23T11:54:31.043",
                            "2026-11-23T11:54:31.043Z ", "2026-11-23T11:54:31.04Z", "now"}) {
    EXPECT_FALSE(parse_utc_iso(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace tracelink
