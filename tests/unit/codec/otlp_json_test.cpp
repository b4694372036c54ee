#include "daemon/codec/otlp_json.hpp"

#include <bit>
#include <limits>
#include <utility>

#include <gtest/gtest.h>

#include "daemon/text/hex.hpp"
#include "tests/unit/codec/golden_request.hpp"
#include "tests/unit/codec/otlp_messages.hpp"

namespace tracelink {
namespace {

using namespace testing;

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

std::string to_protobuf(std::string_view json) {
  auto result = otlp_json_to_protobuf(std::string(json), kNoLimit);
  if (!result) return "error: " + result.error().message;
  return *std::move(result);
}

std::string in_span(std::string_view members) {
  return R"({"resourceSpans":[{"scopeSpans":[{"spans":[{)" + std::string(members) + "}]}]}]}";
}
std::string in_value(std::string_view members) {
  return in_span(R"("attributes":[{"value":{)" + std::string(members) + "}}]");
}
std::string request_with(std::string_view span) {
  return resource_spans(scope_spans(bytes_field(2, span)));
}
std::string request_with_value(std::string_view value) {
  return request_with(bytes_field(9, bytes_field(2, value)));
}
std::string double_field(double value) {
  return fixed64_field(4, std::bit_cast<std::uint64_t>(value));
}

TEST(OtlpJson, GoldenRequestToProtobuf) {
  EXPECT_EQ(to_protobuf(kGoldenJson), *parse_hex(kGoldenProtobufHex));
}

TEST(OtlpJson, GoldenRequestToJson) {
  const auto json = otlp_protobuf_to_json(*parse_hex(kGoldenProtobufHex));
  ASSERT_TRUE(json);
  EXPECT_EQ(*json, kGoldenJson);
}

struct ReadCase {
  const char* name;
  std::string json;
  std::string protobuf;
};

class OtlpJsonRead : public ::testing::TestWithParam<ReadCase> {};

TEST_P(OtlpJsonRead, GivesThisProtobuf) {
  EXPECT_EQ(to_protobuf(GetParam().json), GetParam().protobuf);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, OtlpJsonRead,
    ::testing::Values(
        ReadCase{"nothing", "{}", ""}, ReadCase{"empty_list", R"({"resourceSpans":[]})", ""},
        ReadCase{"white_space", " {\n\t} \r\n", ""},
        ReadCase{"hex_ids", in_span(R"("traceId":"00aF","parentSpanId":"")"),
                 request_with(bytes_field(1, std::string("\x00\xaf", 2)))},
        ReadCase{
            "snake_case",
            R"({"resource_spans":[{"scope_spans":[{"spans":[{"start_time_unix_nano":"7"}]}]}]})",
            request_with(fixed64_field(7, 7))},
        ReadCase{"escaped_name", in_span(R"("\u006eame":"x")"), request_with(bytes_field(5, "x"))},
        ReadCase{"time_as_number", in_span(R"("endTimeUnixNano" : 1700000000000000001 )"),
                 request_with(fixed64_field(8, 1700000000000000001))},
        ReadCase{"time_as_string", in_span(R"("endTimeUnixNano":"18446744073709551615")"),
                 request_with(fixed64_field(8, ~0ull))},
        ReadCase{"enum_number", in_span(R"("kind":3)"), request_with(varint_field(6, 3))},
        ReadCase{"enum_name", in_span(R"("kind":"SPAN_KIND_CLIENT")"),
                 request_with(varint_field(6, 3))},
        ReadCase{"enum_number_unknown", in_span(R"("kind":77)"), request_with(varint_field(6, 77))},
        ReadCase{"status_name", in_span(R"("status":{"code":"STATUS_CODE_ERROR"})"),
                 request_with(bytes_field(15, varint_field(3, 2)))},
        ReadCase{"count_as_string", in_span(R"("droppedLinksCount":"4294967295")"),
                 request_with(varint_field(14, 4294967295))},
        ReadCase{"default_is_left_out", in_span(R"("name":"","kind":0,"startTimeUnixNano":"0")"),
                 request_with("")},
        ReadCase{"null_is_left_out", in_span(R"("name":null,"attributes":null)"), request_with("")},
        ReadCase{"unknown_is_left_out", in_span(R"("x":{"y":[1,{"z":2}]},"name":"n","q":1e999)"),
                 request_with(bytes_field(5, "n"))},
        ReadCase{"gap_has_no_name", in_span(R"("status":{"":1})"),
                 request_with(bytes_field(15, ""))},
        ReadCase{"unicode", in_span(R"("name":"\u00e9\ud83d\ude00\n")"),
                 request_with(bytes_field(5, "é😀\n"))}),
    [](const auto& tested) { return tested.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Values, OtlpJsonRead,
    ::testing::Values(
        ReadCase{"none", in_value(""), request_with_value("")},
        ReadCase{"empty_string", in_value(R"("stringValue":"")"),
                 request_with_value(bytes_field(1, ""))},
        ReadCase{"false_value", in_value(R"("boolValue":false)"),
                 request_with_value(varint_field(2, 0))},
        ReadCase{"int_as_string", in_value(R"("intValue":"-5")"),
                 request_with_value(varint_field(3, static_cast<std::uint64_t>(-5)))},
        ReadCase{"int_as_number", in_value(R"("intValue":0)"),
                 request_with_value(varint_field(3, 0))},
        ReadCase{"snake_int", in_value(R"("int_value":5)"), request_with_value(varint_field(3, 5))},
        ReadCase{"double_whole", in_value(R"("doubleValue":1)"),
                 request_with_value(double_field(1))},
        ReadCase{"double_beyond_uint64", in_value(R"("doubleValue":100000000000000000000)"),
                 request_with_value(double_field(1e20))},
        ReadCase{"double_as_string", in_value(R"("doubleValue":"2.5")"),
                 request_with_value(double_field(2.5))},
        ReadCase{"infinity", in_value(R"("doubleValue":"-Infinity")"),
                 request_with_value(double_field(-std::numeric_limits<double>::infinity()))},
        ReadCase{"nan", in_value(R"("doubleValue":"NaN")"),
                 request_with_value(double_field(std::numeric_limits<double>::quiet_NaN()))},
        ReadCase{"bytes", in_value(R"("bytesValue":"-_8")"),
                 request_with_value(bytes_field(7, "\xfb\xff"))},
        ReadCase{"empty_array", in_value(R"("arrayValue":{})"),
                 request_with_value(bytes_field(5, ""))},
        ReadCase{"array", in_value(R"("arrayValue":{"values":[{"stringValue":""},{}]})"),
                 request_with_value(bytes_field(5, bytes_field(1, bytes_field(1, "")) +
                                                       bytes_field(1, "")))},
        ReadCase{
            "map", in_value(R"("kvlistValue":{"values":[{"key":"k","value":{"intValue":1}}]})"),
            request_with_value(bytes_field(6,
                                           bytes_field(1, key_value("k", varint_field(3, 1)))))}),
    [](const auto& tested) { return tested.param.name; });

struct RefusalCase {
  const char* name;
  std::string json;
  std::string in_message;
};

class OtlpJsonRefusal : public ::testing::TestWithParam<RefusalCase> {};

TEST_P(OtlpJsonRefusal, IsInvalidAndSaysWhere) {
  const auto result = otlp_json_to_protobuf(GetParam().json, kNoLimit);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid);
  EXPECT_NE(result.error().message.find(GetParam().in_message), std::string::npos)
      << result.error().message;
}

std::string deep_json(int depth) {
  std::string value = "{}";
  for (; depth > 0; --depth) value = R"({"arrayValue":{"values":[)" + value + "]}}";
  return in_span(R"("attributes":[{"value":)" + value + "}]");
}

INSTANTIATE_TEST_SUITE_P(
    Table, OtlpJsonRefusal,
    ::testing::Values(
        RefusalCase{"empty", "", "JSON"}, RefusalCase{"blank", "  ", "JSON"},
        RefusalCase{"array", "[]", "JSON"}, RefusalCase{"number", "1", "JSON"},
        RefusalCase{"cut", R"({"resourceSpans":[{})", "JSON"},
        RefusalCase{"goes_on", "{}{}", "JSON"}, RefusalCase{"goes_on_with_brace", "{} }", "JSON"},
        RefusalCase{"utf8", in_span("\"name\":\"\xc3\x28\""), "JSON"},
        RefusalCase{"missing_comma", in_span(R"("name":"x" "kind":1)"), "at byte "},
        RefusalCase{"lone_surrogate", in_span(R"("name":"\ud800")"), "at byte "},
        RefusalCase{"list_is_object", R"({"resourceSpans":{}})", "at byte "},
        RefusalCase{"message_is_text", in_span(R"("status":"x")"), "at byte "},
        RefusalCase{"text_is_number", in_span(R"("name":1)"), "at byte "},
        RefusalCase{"null_in_list", in_span(R"("events":[null])"), "at byte "},
        RefusalCase{"base64_id", in_span(R"("traceId":"AAECAwQFBgcICQoLDA0ODw==")"), "traceId"},
        RefusalCase{"enum_name", in_span(R"("kind":"CLIENT")"), "kind"},
        RefusalCase{"enum_33_bits", in_span(R"("kind":4294967296)"), "kind"},
        RefusalCase{"enum_list", in_span(R"("kind":[1])"), "kind"},
        RefusalCase{"negative_time", in_span(R"("endTimeUnixNano":-1)"), "endTimeUnixNano"},
        RefusalCase{"flags_33_bits", in_span(R"("flags":4294967296)"), "flags"},
        RefusalCase{"int_text", in_value(R"("intValue":"many")"), "intValue"},
        RefusalCase{"bool_text", in_value(R"("boolValue":"true")"), "JSON"},
        RefusalCase{"double_minus_inf", in_value(R"("doubleValue":-inf)"), "doubleValue"},
        RefusalCase{"bytes_not_base64", in_value(R"("bytesValue":"?")"), "bytesValue"},
        RefusalCase{"depth", deep_json(200), "nested"},
        RefusalCase{"depth_2000", deep_json(2000), ""}),
    [](const auto& tested) { return tested.param.name; });

// One odd value costs its span, not the requests of exporters that do not repeat a 400.
TEST(OtlpJson, LeavesOutASpanWithAValueThatItsFieldCannotHave) {
  for (const char* odd :
       {R"("traceId":"0g")", R"("spanId":"1")", R"("kind":"CLIENT")", R"("endTimeUnixNano":-1)",
        R"("startTimeUnixNano":18446744073709551616)", R"("name":1)", R"("status":"x")",
        R"("events":[null])", R"("events":{})", R"("attributes":[null])",
        R"("attributes":[{"key":"k","value":{"intValue":"many"}},{"key":"l"}])",
        R"("attributes":[{"key":"k","value":{"boolValue":"true"}}])",
        R"("attributes":[{"key":"k","value":{"stringValue":5}}])",
        R"("attributes":[{"key":"k","value":{"bytesValue":"?"}}])",
        R"("attributes":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":"x"},{}]}}}])"}) {
    const std::string good = R"({"name":"good"},)";
    const std::string spans = good + "{" + odd + R"(,"name":"bad"},{"name":"last"})";
    const auto document = [](const std::string& list) {
      return R"({"resourceSpans":[{"scopeSpans":[{"spans":[)" + list + "]}]}]}";
    };
    RefusedSpans refused;
    const auto kept = otlp_json_to_protobuf(document(spans), kNoLimit, &refused);
    ASSERT_TRUE(kept) << odd << ": " << kept.error().message;
    EXPECT_EQ(*kept, to_protobuf(document(good + R"({"name":"last"})"))) << odd;
    EXPECT_EQ(refused.count, 1u) << odd;
    EXPECT_NE(refused.first_reason, "") << odd;
    EXPECT_FALSE(otlp_json_to_protobuf(document(spans), kNoLimit)) << odd;
  }
}

TEST(OtlpJson, WhatIsNoJsonCostsTheRequest) {
  RefusedSpans refused;
  EXPECT_FALSE(otlp_json_to_protobuf(in_span(R"("name":"x" "kind":1)"), kNoLimit, &refused));
  EXPECT_FALSE(otlp_json_to_protobuf(in_span(R"("name":"\ud800")"), kNoLimit, &refused));
  EXPECT_EQ(refused.count, 0u);
}

TEST(OtlpJson, LeavesDepthBelowTheStackLimitToTheSplitter) {
  EXPECT_FALSE(to_protobuf(deep_json(100)).starts_with("error"));
}

TEST(OtlpJson, OutputIsBounded) {
  const std::string json = in_span(R"("name":")" + std::string(5000, 'n') + R"(")");
  const std::size_t size = to_protobuf(json).size();
  EXPECT_TRUE(otlp_json_to_protobuf(json, size));
  for (const std::size_t limit : {size - 1, std::size_t{0}}) {
    const auto result = otlp_json_to_protobuf(json, limit);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::too_large);
  }
}

TEST(OtlpJson, TakesANumberThatIsNoInt64AsADouble) {
  for (const auto& [integer, real] : {std::pair{"100000000000000000000", "1e20"},
                                      {"\"9223372036854775808\"", "9223372036854775808"},
                                      {"1.5", "1.5"}}) {
    const auto as_integer = to_protobuf(in_value(std::string(R"("intValue":)") + integer));
    EXPECT_EQ(as_integer, to_protobuf(in_value(std::string(R"("doubleValue":)") + real)));
    EXPECT_FALSE(as_integer.starts_with("error")) << as_integer;
  }
}

TEST(OtlpJson, TheMemoryOfItsIndexIsBounded) {
  const std::string brackets = R"({"x":[)" + std::string(kMaxJsonTokens, '[');
  const auto result = otlp_json_to_protobuf(brackets, kNoLimit);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_large);
  const std::string text = R"({"x":")" + std::string(kMaxJsonTokens, '[') + R"("})";
  EXPECT_TRUE(otlp_json_to_protobuf(text, kNoLimit));
}

struct WriteCase {
  const char* name;
  std::string protobuf;
  std::string json;
};

class OtlpJsonWrite : public ::testing::TestWithParam<WriteCase> {};

TEST_P(OtlpJsonWrite, GivesThisJson) {
  const auto json = otlp_protobuf_to_json(GetParam().protobuf);
  ASSERT_TRUE(json);
  EXPECT_EQ(*json, GetParam().json);
}

INSTANTIATE_TEST_SUITE_P(
    Table, OtlpJsonWrite,
    ::testing::Values(
        WriteCase{"nothing", "", "{}"},
        WriteCase{"control_characters_stay_on_one_line", request_with(bytes_field(5, "a\nb")),
                  in_span(R"("name":"a\u000ab")")},
        WriteCase{"last_scalar_wins", request_with(bytes_field(5, "a") + bytes_field(5, "b")),
                  in_span(R"("name":"b")")},
        WriteCase{"message_in_parts",
                  request_with(bytes_field(15, bytes_field(2, "m")) +
                               bytes_field(15, varint_field(3, 2))),
                  in_span(R"("status":{"message":"m","code":2})")},
        WriteCase{
            "last_of_a_oneof_wins",
            request_with_value(bytes_field(1, "a") + varint_field(3, 1) + bytes_field(1, "b")),
            in_value(R"("stringValue":"b")")},
        WriteCase{"scattered_list",
                  request_with(bytes_field(11, "") + bytes_field(5, "n") + bytes_field(11, "")),
                  in_span(R"("name":"n","events":[{},{}])")},
        WriteCase{"unknown_fields", request_with(varint_field(99, 1) + varint_field(5, 1)),
                  in_span("")}),
    [](const auto& tested) { return tested.param.name; });

TEST(OtlpJson, RefusesToWriteWhatIsNotValid) {
  for (const std::string& protobuf :
       {std::string("\x0a\x05x"), request_with(bytes_field(5, "\xc3\x28")),
        request_with_value(nested_list(2000))}) {
    const auto result = otlp_protobuf_to_json(protobuf);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid);
  }
}

}  // namespace
}  // namespace tracelink
