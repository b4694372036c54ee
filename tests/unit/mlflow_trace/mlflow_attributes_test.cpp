#include "daemon/mlflow/mlflow_attributes.hpp"

#include <gtest/gtest.h>

#include "tests/unit/mlflow_trace/span_builder.hpp"

namespace tracelink {
namespace {

using namespace std::string_view_literals;

struct Rewritten {
  bool changed = false;
  std::string bytes;
  std::uint32_t repaired = 0;
  // Encoded AnyValue; "absent" if there is no such attribute.
  std::string value(std::string_view key) const {
    const auto span = read_span(bytes);
    for (const KeyValue& pair : span->attributes)
      if (pair.key == key) return std::string(pair.value);
    return "absent";
  }
};

Rewritten rewrite(const SpanBuilder& span) {
  Rewritten result;
  const auto bytes = rewrite_span(*read_span(span.build()), result.repaired);
  result.changed = bytes.has_value();
  result.bytes = bytes.value_or(span.build());
  return result;
}

TEST(MlflowAttributes, OtherSdksSpansKeepTheirBytes) {
  const auto result = rewrite(SpanBuilder('a')
                                  .name("n")
                                  .times(1, 2)
                                  .text("t", "0.2")
                                  .text("mlflow.spanInputs", "{\"a\": 1}")
                                  .text("session.id", "s")
                                  .bytes(99, "a field of the future"));
  EXPECT_FALSE(result.changed);
  EXPECT_EQ(result.repaired, 0u);
}

TEST(MlflowAttributes, RequestIdIsDroppedFromEverySpan) {
  const auto plain = rewrite(SpanBuilder('a').text("mlflow.traceRequestId", "tr-1").text("t", "5"));
  EXPECT_EQ(plain.value("mlflow.traceRequestId"), "absent");
  EXPECT_EQ(plain.value("t"), text_value("5"));
  const auto typed = rewrite(SpanBuilder('a').attribute("mlflow.traceRequestId", int_value(1)));
  EXPECT_EQ(typed.value("mlflow.traceRequestId"), "absent");
  EXPECT_EQ(typed.repaired, 0u);
}

TEST(MlflowAttributes, MlflowSpansGetTypedAttributesAndKeepAllElse) {
  const auto result = rewrite(SpanBuilder('a')
                                  .from_mlflow()
                                  .text("real", "0.2")
                                  .text("no json", "plain text")
                                  .text("nothing", "null")
                                  .attribute("typed", int_value(3))
                                  .bytes(99, "future"));
  EXPECT_EQ(result.value("mlflow.traceRequestId"), "absent");
  EXPECT_EQ(result.value("real"), double_value(0.2));
  EXPECT_EQ(result.value("no json"), text_value("plain text"));
  EXPECT_EQ(result.value("nothing"), "");
  EXPECT_EQ(result.value("typed"), int_value(3));
  EXPECT_TRUE(result.bytes.ends_with("future"));
  EXPECT_EQ(result.repaired, 0u);
}

TEST(MlflowAttributes, TagsOfTheTraceLeaveTheRootOfMlflowSpans) {
  const std::string tag = "mlflow.traceTag.k";
  EXPECT_EQ(rewrite(SpanBuilder('a').from_mlflow().text(tag, "5")).value(tag), "absent");
  EXPECT_EQ(rewrite(SpanBuilder('a').from_mlflow().parent('b').text(tag, "5")).value(tag),
            text_value("5"));
  EXPECT_FALSE(rewrite(SpanBuilder('a').text(tag, "5")).changed);
}

TEST(MlflowAttributes, IntegersBeyondInt64StayText) {
  const auto result = rewrite(SpanBuilder('a').from_mlflow().text("big", "9223372036854775808"));
  EXPECT_EQ(result.value("big"), text_value("9223372036854775808"));
}

// MLflow stores such an object, and from then on cannot read the trace.
TEST(MlflowAttributes, NestedIntegersBeyondInt64BecomeTextInAnySpan) {
  const std::string list = "[\"9223372036854775808\"]";
  for (const bool mlflow : {false, true}) {
    SpanBuilder span('a');
    if (mlflow) span.from_mlflow();
    const auto result = rewrite(span.text("big", "[9223372036854775808]"));
    EXPECT_EQ(json_text(read_any_value(result.value("big"))), list);
    EXPECT_EQ(result.repaired, 1u);
  }
  const auto fits = rewrite(SpanBuilder('a').text("big", "[9223372036854775807]"));
  EXPECT_FALSE(fits.changed);
  const auto alone = rewrite(SpanBuilder('a').text("big", "9223372036854775808"));
  EXPECT_FALSE(alone.changed);
}

TEST(MlflowAttributes, TooDeepJsonTextStaysTextInAnySpan) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  for (const bool mlflow : {false, true}) {
    SpanBuilder span('a');
    if (mlflow) span.from_mlflow();
    const auto result = rewrite(span.text("deep", " " + nested(48)));
    EXPECT_EQ(result.value("deep"), text_value("\" " + nested(48) + "\""));
    EXPECT_EQ(result.repaired, 1u);
  }
  EXPECT_FALSE(rewrite(SpanBuilder('a').text("deep", nested(47))).changed);
  EXPECT_FALSE(rewrite(SpanBuilder('a').text("text", "no JSON: " + nested(48))).changed);
}

TEST(MlflowAttributes, TokenCountsBeyondInt64AreClamped) {
  const auto result =
      rewrite(SpanBuilder('a')
                  .text("mlflow.chat.tokenUsage", "{\"input_tokens\": 9223372036854775808}")
                  .text("gen_ai.usage.input_tokens", "9223372036854775808"));
  EXPECT_EQ(json_text(read_any_value(result.value("mlflow.chat.tokenUsage"))),
            "{\"input_tokens\": 9223372036854775807}");
  EXPECT_EQ(result.value("gen_ai.usage.input_tokens"), int_value(INT64_MAX));
  EXPECT_EQ(result.repaired, 2u);
}

TEST(MlflowAttributes, NulIsReplacedWhereItWouldReachAColumn) {
  const auto result = rewrite(SpanBuilder('a')
                                  .name("n\0"sv)
                                  .text("mlflow.spanType", "T\0"sv)
                                  .text("session.id", "s\0"sv)
                                  .text("gen_ai.conversation.id", "c\0"sv)
                                  .text("user.id", "\"u\\u0000\"")
                                  .text("mlflow.traceTag.k\0"sv, "v\0"sv)
                                  .text("harmless\0"sv, "x\0"sv));
  EXPECT_EQ(read_span(result.bytes)->name, "n\uFFFD");
  EXPECT_EQ(result.value("mlflow.spanType"), text_value("T\uFFFD"));
  EXPECT_EQ(result.value("session.id"), text_value("s\uFFFD"));
  EXPECT_EQ(result.value("gen_ai.conversation.id"), text_value("c\uFFFD"));
  EXPECT_EQ(result.value("user.id"), text_value("u\uFFFD"));
  EXPECT_EQ(result.value("mlflow.traceTag.k\uFFFD"), text_value("v\uFFFD"));
  EXPECT_EQ(result.value("harmless\0"sv), text_value("x\0"sv));
  EXPECT_EQ(result.repaired, 7u);
}

TEST(MlflowAttributes, NulInJsonTextOfMlflowSpansIsReplacedToo) {
  const auto result = rewrite(SpanBuilder('a').from_mlflow().text("session.id", "\"s\\u0000\""));
  EXPECT_EQ(result.value("session.id"), text_value("s\uFFFD"));
}

TEST(MlflowAttributes, WhatIsTooLongForAColumnIsCut) {
  const auto long_text = [](std::size_t n) { return std::string(n, 'x'); };
  const auto result = rewrite(SpanBuilder('a')
                                  .text("mlflow.spanType", long_text(501))
                                  .text("session.id", "\"" + long_text(251) + "\"")
                                  .text("gen_ai.conversation.id", long_text(250))
                                  .text("user.id", long_text(8001))
                                  .text("mlflow.traceTag.mlflow.traceName", long_text(4097))
                                  .text("mlflow.traceTag.other", long_text(9000))
                                  .text("other", long_text(9000)));
  EXPECT_EQ(result.value("mlflow.spanType"), text_value(long_text(500)));
  EXPECT_EQ(result.value("session.id"), text_value(long_text(250)));
  EXPECT_EQ(result.value("gen_ai.conversation.id"), text_value(long_text(250)));
  EXPECT_EQ(result.value("user.id"), text_value(long_text(8000)));
  EXPECT_EQ(result.value("mlflow.traceTag.mlflow.traceName"), text_value(long_text(4096)));
  EXPECT_EQ(result.value("mlflow.traceTag.other"), text_value(long_text(9000)));
  EXPECT_EQ(result.value("other"), text_value(long_text(9000)));
  EXPECT_EQ(result.repaired, 4u);
}

TEST(MlflowAttributes, TimesAreClampedBelowTwoToThe63) {
  const auto result = rewrite(SpanBuilder('a').times(kMaxTimeNs, kMaxTimeNs + 1).name("n"));
  EXPECT_EQ(result.bytes, SpanBuilder('a').times(kMaxTimeNs, kMaxTimeNs).name("n").build());
  EXPECT_EQ(result.repaired, 1u);
}

std::string resource_with(std::string_view key, const std::string& value) {
  std::string resource, fields;
  protozero::pbf_writer writer(resource);
  writer.add_message(1, key_value("fine", text_value("x")));
  writer.add_message(1, key_value(key, value));
  writer.add_uint32(2, 7);  // dropped_attributes_count
  protozero::pbf_writer(fields).add_message(1, resource);
  protozero::pbf_writer(fields).add_string(3, "schema");
  return fields;
}

TEST(MlflowAttributes, NulInResourceAttributesIsReplaced) {
  std::uint32_t repaired = 0;
  EXPECT_EQ(rewrite_resource(resource_with("k\0"sv, text_value("v\0"sv)), repaired),
            resource_with("k\uFFFD", text_value("v\uFFFD")));
  EXPECT_EQ(repaired, 1u);
  const auto nested = [](std::string_view text) {
    std::string items, pairs, list, object;
    protozero::pbf_writer(items).add_message(1, text_value(text));
    protozero::pbf_writer(list).add_message(5, items);
    protozero::pbf_writer(pairs).add_message(1, key_value(text, list));
    protozero::pbf_writer(object).add_message(6, pairs);
    return object;
  };
  EXPECT_EQ(rewrite_resource(resource_with("k", nested("n\0"sv)), repaired),
            resource_with("k", nested("n\uFFFD")));
  EXPECT_EQ(repaired, 2u);
}

TEST(MlflowAttributes, ResourceWithoutNulTextKeepsItsBytes) {
  std::uint32_t repaired = 0;
  const std::string fields = resource_with("k", int_value(0));  // has a zero byte, but no NUL text
  EXPECT_EQ(rewrite_resource(fields, repaired), fields);
  EXPECT_EQ(repaired, 0u);
}

TEST(MlflowAttributes, JsonTextOfStringsThatAreNoJsonIsQuoted) {
  EXPECT_EQ(json_text(read_any_value(text_value("hello \"é\""))), "\"hello \\\"é\\\"\"");
  EXPECT_EQ(json_text(read_any_value(text_value("{\"a\":1}"))), "{\"a\":1}");
  EXPECT_EQ(json_text(read_any_value(double_value(1))), "1.0");
}

TEST(MlflowAttributes, PlainTextHasNoQuotes) {
  EXPECT_EQ(plain_text(read_any_value(text_value("\"s\""))), "s");
  EXPECT_EQ(plain_text(read_any_value(text_value("s"))), "s");
  EXPECT_EQ(plain_text(read_any_value(int_value(5))), "5");
}

}  // namespace
}  // namespace tracelink
