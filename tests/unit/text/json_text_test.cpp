#include "daemon/text/json_text.hpp"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using namespace std::string_literals;

TEST(JsonText, ReadsWholeNumbersOf64Bits) {
  const std::vector<std::pair<std::string, std::int64_t>> good = {
      {"0", 0},
      {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
      {"1e3", 1000},
      {"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
      {"-2.0", -2}};
  for (const auto& [text, value] : good) EXPECT_EQ(parse_int64(text), value) << text;
  for (const char* bad : {"", "9223372036854775808", "-9223372036854775809", "1.5", "1e19", "NaN",
                          "-Infinity", "x", "1x", "+1", " 1"}) {
    EXPECT_FALSE(parse_int64(bad)) << bad;
  }
}

TEST(JsonText, Uint64) {
  EXPECT_EQ(parse_uint64("18446744073709551615"), ~std::uint64_t{0});
  EXPECT_EQ(parse_uint64("1.7e18"), 1700000000000000000u);
  for (const char* bad : {"", "-1", "18446744073709551616", "0.5", "-1.0"}) {
    EXPECT_FALSE(parse_uint64(bad)) << bad;
  }
}

TEST(JsonText, Double) {
  const std::vector<std::pair<std::string, double>> good = {{"0.1", 0.1},
                                                            {"-2", -2},
                                                            {"1e20", 1e20},
                                                            {"100000000000000000000", 1e20},
                                                            {"5e-324", 5e-324}};
  for (const auto& [text, value] : good) EXPECT_EQ(parse_double(text), value) << text;
  EXPECT_TRUE(std::isnan(*parse_double("NaN")));
  EXPECT_EQ(parse_double("Infinity"), HUGE_VAL);
  EXPECT_EQ(parse_double("-Infinity"), -HUGE_VAL);
  EXPECT_TRUE(std::signbit(*parse_double("-0")));
  for (const char* bad : {"", "-", "nan", "inf", "-inf", "1e999", "0x10", "1 ", "+1", ".5"}) {
    EXPECT_FALSE(parse_double(bad)) << bad;
  }
}

TEST(JsonText, DoubleIsWrittenInTheShortestForm) {
  const std::vector<std::pair<double, std::string>> table = {{0.1, "0.1"},
                                                             {1, "1"},
                                                             {-0.0, "-0"},
                                                             {1e300, "1e+300"},
                                                             {NAN, "\"NaN\""},
                                                             {HUGE_VAL, "\"Infinity\""},
                                                             {-HUGE_VAL, "\"-Infinity\""}};
  for (const auto& [value, text] : table) {
    std::string out;
    append_json_double(out, value);
    EXPECT_EQ(out, text);
  }
}

TEST(JsonText, TheExtentCountsWhatAParserWouldBuild) {
  const auto extent = [](std::string_view text) {
    const JsonExtent counted = json_extent(text);
    return std::pair(counted.values, counted.depth);
  };
  EXPECT_EQ(extent(""), std::pair(std::size_t{0}, std::size_t{0}));
  EXPECT_EQ(extent(R"({"a":[1,{"b":2}],"c":3})"), std::pair(std::size_t{8}, std::size_t{3}));
  EXPECT_EQ(extent(R"("[{\"[,:")"), std::pair(std::size_t{0}, std::size_t{0})) << "one string";
  EXPECT_EQ(extent("]]][[[").second, 3u) << "no JSON";
}

TEST(JsonText, TheExtentCountsTheMembersOfTheLargestObject) {
  const auto members = [](std::string_view text) { return json_extent(text).members; };
  EXPECT_EQ(members(""), 0u);
  EXPECT_EQ(members("[1,2,3,4]"), 0u);
  EXPECT_EQ(members(R"([{"a":1},{"b":2}])"), 1u) << "each has its own";
  EXPECT_EQ(members(R"({"a":{"b":1,"c":2,"d":3},"e":{"f":4}})"), 3u);
  EXPECT_EQ(members(R"({"a":":::","b":{}})"), 2u) << "what is in a string is none";
  const std::string deep(1'000, '[');
  EXPECT_EQ(members(R"({"a":)" + deep + R"({"b":1,"c":2})" + std::string(1'000, ']') + "}"), 1u);
}

TEST(JsonText, JsonStringEscapes) {
  std::string out;
  append_json_string(out, "a\"\\\n\x00\x1f\x7f/é"s);
  EXPECT_EQ(out, "\"a\\\"\\\\\\u000a\\u0000\\u001f\x7f/é\"");
}

}  // namespace
}  // namespace tracelink
