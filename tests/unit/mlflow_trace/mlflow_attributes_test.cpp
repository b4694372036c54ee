#include "daemon/mlflow/trace/mlflow_attributes.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "tests/unit/mlflow_trace/span_builder.hpp"

namespace tracelink {
namespace {

using namespace std::string_view_literals;

struct Rewritten {
  bool changed = false;
  std::string bytes;
  Repairs repairs;
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
  const auto bytes = rewrite_span(*read_span(span.build()), result.repairs);
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
  EXPECT_EQ(result.repairs.total(), 0u);
}

TEST(MlflowAttributes, RequestIdIsDroppedFromEverySpan) {
  const auto plain = rewrite(SpanBuilder('a').text("mlflow.traceRequestId", "tr-1").text("t", "5"));
  EXPECT_EQ(plain.value("mlflow.traceRequestId"), "absent");
  EXPECT_EQ(plain.value("t"), text_value("5"));
  const auto typed = rewrite(SpanBuilder('a').attribute("mlflow.traceRequestId", int_value(1)));
  EXPECT_EQ(typed.value("mlflow.traceRequestId"), "absent");
  EXPECT_EQ(typed.repairs.total(), 0u);
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
  EXPECT_EQ(result.repairs.total(), 0u);
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
    EXPECT_EQ(result.repairs.total(), 1u);
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
    EXPECT_EQ(result.repairs.total(), 1u);
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
            "{\"input_tokens\": 1000000000000000}");
  EXPECT_EQ(result.value("gen_ai.usage.input_tokens"), int_value(1'000'000'000'000'000));
  EXPECT_EQ(result.repairs.total(), 2u);
}

// The server adds them up, cannot read a trace whose sum has more than 63 bits, and fails at an
// infinite count of Claude Code's.
TEST(MlflowAttributes, ACountOfTokensCanBeAddedUp) {
  const std::string most = int_value(1'000'000'000'000'000);
  const double infinite = std::numeric_limits<double>::infinity();
  for (const char* key : {"gen_ai.usage.output_tokens", "llm.token_count.total", "input_tokens",
                          "cache_read_tokens"}) {
    for (const std::string& value : {int_value(INT64_MAX), double_value(infinite),
                                     text_value("9223372036854775807"), text_value("1e999")}) {
      const auto result = rewrite(SpanBuilder('a').attribute(key, value));
      EXPECT_EQ(result.value(key), most) << key;
      EXPECT_EQ(result.repairs.range, 1u);
    }
    EXPECT_EQ(rewrite(SpanBuilder('a').attribute(key, double_value(-infinite))).value(key),
              int_value(0));
    EXPECT_FALSE(rewrite(SpanBuilder('a').attribute(key, most)).changed);
    EXPECT_FALSE(rewrite(SpanBuilder('a').text(key, "12")).changed);
  }
  const auto usage = rewrite(SpanBuilder('a').text(
      "mlflow.chat.tokenUsage", "{\"input_tokens\": 5, \"total_tokens\": 9000000000000000000}"));
  EXPECT_EQ(json_text(read_any_value(usage.value("mlflow.chat.tokenUsage"))),
            "{\"input_tokens\": 5, \"total_tokens\": 1000000000000000}");
  EXPECT_EQ(usage.repairs.range, 1u);
}

// Python's json reads no integer of more than 4300 digits, and the server meets each attribute.
TEST(MlflowAttributes, EndlessIntegersStayTextInAnySpan) {
  const std::string digits(4301, '1');
  for (const bool mlflow : {false, true}) {
    SpanBuilder span('a');
    if (mlflow) span.from_mlflow();
    const auto result = rewrite(span.text("note", digits));
    EXPECT_EQ(result.value("note"), text_value("\"" + digits + "\""));
    EXPECT_EQ(result.repairs.form, 1u);
  }
  EXPECT_FALSE(rewrite(SpanBuilder('a').text("note", digits.substr(1))).changed);
  EXPECT_FALSE(rewrite(SpanBuilder('a').text("note", "x" + digits)).changed);
}

// The server's parser meets the integer before it sees that the text is no JSON.
TEST(MlflowAttributes, EndlessIntegersStayTextWhereNoJsonFollows) {
  const std::string digits(4301, '1');
  for (const std::string& text : {digits + "x", " -" + digits + " x", "[1, " + digits}) {
    const auto result = rewrite(SpanBuilder('a').text("note", text));
    EXPECT_EQ(result.value("note"), text_value("\"" + text + "\""));
    EXPECT_EQ(result.repairs.form, 1u);
  }
  EXPECT_FALSE(rewrite(SpanBuilder('a').text("note", "[\"" + digits + "\"]")).changed);
}

TEST(MlflowAttributes, EndlessIntegersInJsonBecomeText) {
  const std::string digits(5000, '9');
  const auto nested =
      rewrite(SpanBuilder('a').text("mlflow.spanInputs", "{\"a\": " + digits + "}"));
  EXPECT_EQ(json_text(read_any_value(nested.value("mlflow.spanInputs"))),
            "{\"a\": \"" + digits + "\"}");
  EXPECT_EQ(nested.repairs.range, 1u);
  const auto tokens = rewrite(SpanBuilder('a').text("gen_ai.usage.input_tokens", digits));
  EXPECT_EQ(tokens.value("gen_ai.usage.input_tokens"), int_value(1'000'000'000'000'000));
  EXPECT_EQ(tokens.repairs.range, 1u);
}

// Servers add them up, and fail at the first that is no number.
TEST(MlflowAttributes, SumsHoldNumbersOnly) {
  for (const char* key : {"mlflow.chat.tokenUsage", "mlflow.llm.cost"}) {
    const auto result = rewrite(SpanBuilder('a').text(
        key,
        R"({"input_tokens": "x", "total_tokens": null, "output_tokens": "5", "input_cost": [1],)"
        R"( "total_cost": 0.5, "output_cost": "1.5", "cache_read_input_tokens": {}, "model": "m"})"));
    EXPECT_EQ(json_text(read_any_value(result.value(key))),
              R"({"output_tokens": 5, "total_cost": 0.5, "output_cost": 1.5, "model": "m"})")
        << key;
    EXPECT_EQ(result.repairs.form, 6u) << key;
    const auto fine = rewrite(SpanBuilder('a').text(key, R"({"input_tokens": 1, "note": null})"));
    EXPECT_FALSE(fine.changed) << key;
  }
}

TEST(MlflowAttributes, ATypeThatIsNoTextBecomesOne) {
  const auto list = rewrite(SpanBuilder('a').from_mlflow().text("mlflow.spanType", "[\"LLM\"]"));
  EXPECT_EQ(list.value("mlflow.spanType"), text_value("[\"LLM\"]"));
  EXPECT_EQ(list.repairs.form, 1u);
  const auto number = rewrite(SpanBuilder('a').attribute("mlflow.spanType", int_value(5)));
  EXPECT_EQ(number.value("mlflow.spanType"), text_value("5"));
}

// The server looks it up in a table, and fails at what has no hash.
TEST(MlflowAttributes, AKindThatIsAListOrAMapStaysText) {
  for (const char* key :
       {"openinference.span.kind", "traceloop.span.kind", "gen_ai.operation.name", "span.type",
        "ai.operationId", "langfuse.observation.type", "lmnr.span.type", "entity.type"}) {
    const auto result = rewrite(SpanBuilder('a').text(key, "[\"LLM\"]"));
    EXPECT_EQ(result.value(key), text_value(R"("[\"LLM\"]")")) << key;
    EXPECT_EQ(result.repairs.form, 1u) << key;
    EXPECT_FALSE(rewrite(SpanBuilder('a').text(key, "LLM")).changed) << key;
    EXPECT_FALSE(rewrite(SpanBuilder('a').text(key, "\"LLM\"")).changed) << key;
  }
}

TEST(MlflowAttributes, ACostThatIsNoMapBecomesTheTotal) {
  std::string total, map;
  protozero::pbf_writer(total).add_message(1, key_value("total_cost", double_value(0.5)));
  protozero::pbf_writer(map).add_message(6, total);
  EXPECT_EQ(rewrite(SpanBuilder('a').attribute("mlflow.llm.cost", double_value(0.5)))
                .value("mlflow.llm.cost"),
            map);
  EXPECT_EQ(rewrite(SpanBuilder('a').text("mlflow.llm.cost", "0.5")).value("mlflow.llm.cost"), map);
  std::string empty;
  protozero::pbf_writer(empty).add_message(6, std::string());
  EXPECT_EQ(rewrite(SpanBuilder('a').text("mlflow.llm.cost", "much")).value("mlflow.llm.cost"),
            empty);
  EXPECT_FALSE(rewrite(SpanBuilder('a').attribute("mlflow.llm.cost", map)).changed);
  EXPECT_FALSE(rewrite(SpanBuilder('a').text("mlflow.llm.cost", "{\"total_cost\": 1}")).changed);
}

TEST(MlflowAttributes, AttributesOfEventsAreMadeReadableToo) {
  const std::string digits(5000, '1');
  const auto event = [](const std::string& value) {
    std::string out;
    protozero::pbf_writer writer(out);
    writer.add_fixed64(1, 7);
    writer.add_string(2, "gen_ai.choice");
    writer.add_message(3, key_value("content", value));
    writer.add_message(3, key_value("index", int_value(0)));
    return out;
  };
  const auto result = rewrite(SpanBuilder('a').bytes(11, event(text_value(digits))));
  EXPECT_EQ(result.bytes,
            SpanBuilder('a').bytes(11, event(text_value("\"" + digits + "\""))).build());
  EXPECT_FALSE(rewrite(SpanBuilder('a').bytes(11, event(text_value("fine")))).changed);
}

// The server takes the trace's preview from it, and its database no list.
TEST(MlflowAttributes, APromptInAnEventIsText) {
  for (const char* key : {"gen_ai.prompt", "gen_ai.completion"}) {
    const auto event = [&](const std::string& value) {
      std::string out;
      protozero::pbf_writer(out).add_message(3, key_value(key, value));
      return out;
    };
    std::string list, value;
    protozero::pbf_writer(list).add_message(1, text_value("hi"));
    protozero::pbf_writer(value).add_message(5, list);
    const auto result = rewrite(SpanBuilder('a').bytes(11, event(value)));
    EXPECT_EQ(result.bytes, SpanBuilder('a').bytes(11, event(text_value("[\"hi\"]"))).build());
    EXPECT_EQ(result.repairs.form, 1u);
    EXPECT_FALSE(rewrite(SpanBuilder('a').bytes(11, event(text_value("hi")))).changed);
  }
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
  EXPECT_EQ(result.repairs.total(), 4u);
}

TEST(MlflowAttributes, TimesAreClampedBelowTwoToThe63) {
  const auto result = rewrite(SpanBuilder('a').times(kMaxTimeNs, kMaxTimeNs + 1).name("n"));
  EXPECT_EQ(result.bytes, SpanBuilder('a').times(kMaxTimeNs, kMaxTimeNs).name("n").build());
  EXPECT_EQ(result.repairs.total(), 1u);
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
