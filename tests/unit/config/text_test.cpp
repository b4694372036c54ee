#include "config/text.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using std::chrono::milliseconds;

TEST(Text, ReadsSizes) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("17"), 17u);
  EXPECT_EQ(parse_size("512KiB"), 512u << 10);
  EXPECT_EQ(parse_size("64MiB"), 64u << 20);
  EXPECT_EQ(parse_size("10GiB"), 10ull << 30);
  for (const char* wrong : {"", "GiB", "1 GiB", "1GB", "1gib", "-1", "+1", "1.5GiB", "0x10",
                            "1GiBx", "8589934592GiB", "99999999999999999999"}) {
    EXPECT_FALSE(parse_size(wrong)) << wrong;
  }
}

TEST(Text, ReadsDurations) {
  EXPECT_EQ(parse_duration("0"), milliseconds(0));
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("10m"), milliseconds(600'000));
  EXPECT_EQ(parse_duration("24h"), milliseconds(86'400'000));
  for (const char* wrong : {"", "s", "30", "1m30s", "-1s", "1.5s", "1d", "8761h"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

TEST(Text, WritesWhatItReads) {
  for (const char* size : {"0", "17", "1KiB", "1536KiB", "64MiB", "10GiB"}) {
    EXPECT_EQ(format_size(parse_size(size).value()), size);
  }
  for (const char* duration : {"0s", "1ms", "1500ms", "30s", "10m", "24h"}) {
    EXPECT_EQ(format_duration(parse_duration(duration).value()), duration);
  }
}

TEST(Text, ReadsBooleansAsMlflowDoes) {
  for (const char* yes : {"true", "True", "TRUE", "1"}) EXPECT_EQ(parse_boolean(yes), true) << yes;
  for (const char* no : {"false", "False", "0"}) EXPECT_EQ(parse_boolean(no), false) << no;
  for (const char* wrong : {"", "yes", "on", "2", "truee"}) EXPECT_FALSE(parse_boolean(wrong));
}

TEST(Text, QuotesWhatWouldLeaveItsLine) {
  EXPECT_EQ(quoted("a\"b\\c\n\x7f"), "\"a\\\"b\\\\c\\x0a\\x7f\"");
}

TEST(Text, SplitsAndTrims) {
  EXPECT_EQ(split(" a , b,c", ","), (std::vector<std::string_view>{"a", "b", "c"}));
  EXPECT_EQ(split("a__b", "__"), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(split("", ","), (std::vector<std::string_view>{""}));
}

}  // namespace
}  // namespace tracelink
