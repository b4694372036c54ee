#include "daemon/compare/format.hpp"

#include <gtest/gtest.h>

namespace tracelink::compare {
namespace {

TEST(Format, ValuesHaveTheirUnit) {
  EXPECT_EQ(value_text(std::nullopt, Unit::rate), "–");
  EXPECT_EQ(value_text(0.0314, Unit::rate), "3.1%");
  EXPECT_EQ(value_text(0.0004, Unit::rate), "0.040%");
  EXPECT_EQ(value_text(9.96, Unit::milliseconds), "10.0 ms");
  EXPECT_EQ(value_text(250, Unit::milliseconds), "250 ms");
  EXPECT_EQ(value_text(1234, Unit::milliseconds), "1.23 s");
  EXPECT_EQ(value_text(90'000, Unit::milliseconds), "1.5 min");
  EXPECT_EQ(value_text(7'200'000, Unit::milliseconds), "2.0 h");
  EXPECT_EQ(value_text(9999, Unit::count), "9999");
  EXPECT_EQ(value_text(123'456, Unit::tokens), "123.5k");
  EXPECT_EQ(value_text(12'345'678, Unit::tokens), "12.3M");
  EXPECT_EQ(value_text(0.01234, Unit::dollars), "$0.0123");
  EXPECT_EQ(value_text(12.3, Unit::dollars), "$12.3");
  EXPECT_EQ(value_text(0.875, Unit::score), "0.875");
}

std::string difference(double from, double to, Unit unit, std::optional<ChanceTest> test = {}) {
  const auto ratio = from == 0 ? std::nullopt : std::optional(to / from);
  return difference_text({to, Difference{to - from, ratio, test}}, unit);
}

TEST(Format, DifferencesHaveASign) {
  EXPECT_EQ(difference(100, 112, Unit::milliseconds), "+12.0%");
  EXPECT_EQ(difference(100, 50, Unit::count), "-50.0%");
  EXPECT_EQ(difference(1, 100, Unit::count), ">+999%");
  EXPECT_EQ(difference(0.10, 0.12, Unit::rate), "+2.0pp");
  EXPECT_EQ(difference(3, 3.25, Unit::score), "+0.25");
  EXPECT_EQ(difference(0, 5, Unit::count), "+5");
  EXPECT_EQ(difference(5, 5, Unit::count), "=");
  EXPECT_EQ(difference_text({1.0, std::nullopt}, Unit::count), "");
  EXPECT_EQ(difference(2, 1, Unit::score, ChanceTest{"t", 0.001, 0.01}), "-1*");
  EXPECT_EQ(difference(2, 1, Unit::score, ChanceTest{"t", 0.001, 0.06}), "-1");
}

TEST(Format, TextsFitColumns) {
  EXPECT_EQ(columns_of("aé漢"), 4u);
  EXPECT_EQ(fitted("short", 5), "short");
  EXPECT_EQ(fitted("longer", 5), "long…");
  EXPECT_EQ(fitted("漢字漢字", 6), "漢字…");
  EXPECT_EQ(padded_left("é", 3), "  é");
  EXPECT_EQ(padded_right("漢", 3), "漢 ");
}

}  // namespace
}  // namespace tracelink::compare
