#include "daemon/mlflow/trace/json_to_any_value.hpp"

#include <array>
#include <random>

#include <gtest/gtest.h>

#include "daemon/mlflow/trace/any_value.hpp"
#include "daemon/mlflow/trace/python_json.hpp"
#include "tests/unit/mlflow_trace/span_builder.hpp"

namespace tracelink {
namespace {

std::optional<std::string> convert(std::string_view json) {
  auto value = json_to_any_value(json, BigInteger::as_text);
  EXPECT_EQ(is_any_value(json), value.has_value()) << json.substr(0, 100);
  return value;
}

std::string round_trip(std::string_view json) {
  const auto encoded = convert(json);
  if (!encoded) return "not JSON";
  std::string out;
  append_json_value(out, read_any_value(*encoded), NonAscii::as_is);
  return out;
}

TEST(JsonToAnyValue, KeepsScalarTypes) {
  EXPECT_EQ(convert("\"text\""), text_value("text"));
  EXPECT_EQ(convert("\"\""), text_value(""));
  EXPECT_EQ(convert("true"), bool_value(true));
  EXPECT_EQ(convert("false"), bool_value(false));
  EXPECT_EQ(convert("7"), int_value(7));
  EXPECT_EQ(convert("-7"), int_value(-7));
  EXPECT_EQ(convert("7.0"), double_value(7));
  EXPECT_EQ(convert("7e2"), double_value(700));
  EXPECT_EQ(convert("null"), "");
}

TEST(JsonToAnyValue, KeepsOrderNestingAndNull) {
  const std::string json = R"({"z": [1, [], {}, null], "a": {"é": "\n"}, "m": 0.1})";
  EXPECT_EQ(round_trip(json), json);
}

TEST(JsonToAnyValue, IntegersUpToInt64StayIntegers) {
  EXPECT_EQ(convert("9223372036854775807"), int_value(INT64_MAX));
  EXPECT_EQ(convert("-9223372036854775808"), int_value(INT64_MIN));
}

TEST(JsonToAnyValue, LargerIntegersBecomeTextOrSaturate) {
  for (const std::string digits : {"9223372036854775808", "18446744073709551615",
                                   "18446744073709551616", "123456789012345678901234567890"}) {
    EXPECT_EQ(convert(digits), text_value(digits));
    EXPECT_EQ(round_trip("[" + digits + "]"), "[\"" + digits + "\"]");
    EXPECT_EQ(json_to_any_value(digits, BigInteger::saturated), int_value(INT64_MAX));
  }
  EXPECT_EQ(convert("-9223372036854775809"), text_value("-9223372036854775809"));
  EXPECT_EQ(json_to_any_value("-9223372036854775809", BigInteger::saturated), int_value(INT64_MIN));
}

// As Python reads them, which knows no largest number.
TEST(JsonToAnyValue, NumbersBeyondADoubleAreReadToo) {
  const std::string digits(400, '9');
  EXPECT_EQ(round_trip("{\"a\": [" + digits + ", -" + digits + ", \"" + digits + "\"]}"),
            "{\"a\": [\"" + digits + "\", \"-" + digits + "\", \"" + digits + "\"]}");
  EXPECT_EQ(json_to_any_value(digits, BigInteger::saturated), int_value(INT64_MAX));
  EXPECT_EQ(json_to_any_value("-" + digits, BigInteger::saturated), int_value(INT64_MIN));
  EXPECT_EQ(round_trip("[1e999, -1e999, 1e-999, \"\\\"1e999\"]"),
            "[Infinity, -Infinity, 0.0, \"\\\"1e999\"]");
}

TEST(JsonToAnyValue, WhatIsNotJsonIsNothing) {
  for (const char* text : {"", " ", "plain", "{", "[1,]", "{\"a\":}", "'a'", "1 2", "\"\\ud800\"",
                           "[NaN", "NaNa", "\"a\nb\""})
    EXPECT_FALSE(convert(text)) << text;
}

TEST(JsonToAnyValue, PythonConstantsAreReals) {
  EXPECT_EQ(round_trip("NaN"), "NaN");
  EXPECT_EQ(round_trip("Infinity"), "Infinity");
  EXPECT_EQ(round_trip("-Infinity"), "-Infinity");
  const std::string nested =
      R"({"a": [NaN, {"NaN": "Infinity", "\"b": -Infinity}], "c": Infinity})";
  EXPECT_EQ(round_trip(nested), nested);
  EXPECT_EQ(round_trip("[NaN, 18446744073709551616]"), R"([NaN, "18446744073709551616"])");
}

// Measured with Python's protobuf: 47 arrays or 31 objects in a span attribute are still read.
TEST(JsonToAnyValue, DeeperThanProtobufReadersGoIsNothing) {
  const auto arrays = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(convert(arrays(47)));
  EXPECT_FALSE(convert(arrays(48)));
  const auto objects = [](int n) {
    std::string json = "1";
    for (int i = 0; i < n; ++i) json = "{\"k\":" + json + "}";
    return json;
  };
  EXPECT_TRUE(convert(objects(31)));
  EXPECT_FALSE(convert(objects(32)));
  EXPECT_FALSE(convert(arrays(1'000'000)));
}

TEST(JsonToAnyValue, ClosedContainersDoNotCountAsDepth) {
  std::string json = "[";
  for (int i = 0; i < 100; ++i) json += "[],{},";
  EXPECT_TRUE(convert(json + "0]"));
}

TEST(JsonToAnyValue, BracketsInStringsDoNotCountAsDepth) {
  EXPECT_TRUE(convert("[\"\\\"" + std::string(100, '[') + "\", \"\\\\\", 1]"));
}

TEST(JsonToString, OnlyOfStrings) {
  EXPECT_EQ(json_to_string("\"a \\\"b\\\"\""), "a \"b\"");
  EXPECT_FALSE(json_to_string("a"));
  EXPECT_FALSE(json_to_string("5"));
  EXPECT_FALSE(json_to_string("\"open"));
  EXPECT_FALSE(json_to_string(""));
}

// convert() compares the two, which do not use the same parser.
TEST(JsonToAnyValue, WhetherThereIsAValueIsSaidOfAnyTextAsItIsFound) {
  constexpr std::array<std::string_view, 42> kPieces = {"{",
                                                        "}",
                                                        "[",
                                                        "]",
                                                        ",",
                                                        ":",
                                                        "\"",
                                                        "\\",
                                                        " ",
                                                        "\t",
                                                        "\n",
                                                        "\"a\"",
                                                        "\"a\":1",
                                                        "[1,2]",
                                                        "{}",
                                                        "[]",
                                                        "true",
                                                        "false",
                                                        "null",
                                                        "nul",
                                                        "NaN",
                                                        "-",
                                                        "Infinity",
                                                        "1",
                                                        "-0",
                                                        "01",
                                                        "1.5",
                                                        "1.",
                                                        "1e5",
                                                        "1e999",
                                                        "-1e999",
                                                        "1E+2",
                                                        "\x01",
                                                        "\xEF\xBB\xBF",
                                                        "\xC3\xA9",
                                                        "\xC3",
                                                        "\"\\ud83d\"",
                                                        "\"\\ud83d\\ude00\"",
                                                        "18446744073709551616",
                                                        "-9223372036854775809",
                                                        "\"\\udc00\"",
                                                        "\"\\ud83d\\u0041\""};
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  int values = 0;
  for (int n = 0; n < 100'000; ++n) {
    std::string text;
    for (auto pieces = 1 + random() % 7; pieces > 0; --pieces) {
      text += kPieces.at(random() % kPieces.size());
    }
    values += convert(text) ? 1 : 0;
  }
  EXPECT_GT(values, 1000);
}

}  // namespace
}  // namespace tracelink
