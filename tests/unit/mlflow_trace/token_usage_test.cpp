#include "daemon/mlflow/trace/token_usage.hpp"

#include <deque>

#include <gtest/gtest.h>

#include "tests/unit/mlflow_trace/golden_data.hpp"
#include "tests/unit/mlflow_trace/span_builder.hpp"

namespace tracelink {
namespace {

std::string usage_json(std::int64_t input) {
  return "{\"input_tokens\": " + std::to_string(input) + "}";
}

SpanBuilder span_with(char id, std::string_view usage) {
  return SpanBuilder(id).text("mlflow.chat.tokenUsage", usage);
}

std::optional<SpanUsage> roll_up(std::deque<std::string> spans) {
  std::vector<SpanView> views;
  for (const std::string& span : spans) views.push_back(*read_span(span));
  return roll_up_usage(views);
}

std::optional<SpanUsage> usage_of_one(const SpanBuilder& span) { return roll_up({span.build()}); }

TEST(TokenUsage, OtherConventionsAsMlflowTranslatesThem) {
  const auto table = golden_table("usages");
  ASSERT_GT(table.size(), 10u);
  for (const auto& row : table) {
    SpanBuilder span('a');
    for (const auto& [key, value] : row.at("attributes").items()) {
      EXPECT_EQ(is_token_key(key), key != "other");
      span.attribute(key, value.is_string() ? text_value(value.get<std::string>())
                                            : int_value(value.get<std::int64_t>()));
    }
    const auto usage = usage_of_one(span);
    const auto& expected = row.at("usage");
    ASSERT_EQ(usage.has_value(), !expected.is_null()) << row;
    if (!usage) continue;
    EXPECT_FALSE(usage->from_mlflow);
    nlohmann::json counts = {{"input_tokens", 0}, {"output_tokens", 0}, {"total_tokens", 0}};
    counts.update(expected);
    EXPECT_EQ(nlohmann::json::parse(usage->tokens.to_json()), counts) << row;
  }
}

TEST(TokenUsage, AParentsUsageContainsItsDescendants) {
  const auto usage = roll_up(
      {span_with('c', usage_json(3)).parent('b').build(), SpanBuilder('b').parent('a').build(),
       span_with('a', usage_json(10)).build(), span_with('d', usage_json(4)).parent('x').build()});
  EXPECT_EQ(usage->tokens.input_tokens, 14);
  EXPECT_TRUE(usage->from_mlflow);
}

TEST(TokenUsage, ASpanMayReportTokensInAWayThatOnlyServersRead) {
  const auto may = [](const SpanBuilder& span) {
    return may_report_tokens(*read_span(span.build()));
  };
  EXPECT_TRUE(may(span_with('a', usage_json(1))));
  EXPECT_TRUE(may(SpanBuilder('a').attribute("ai.usage.promptTokens", int_value(1))));
  EXPECT_TRUE(may(SpanBuilder('a').attribute("inputTokenCount", int_value(1))));
  EXPECT_FALSE(may(SpanBuilder('a').text("mlflow.spanInputs", "tokens and usage")));
  EXPECT_FALSE(may(SpanBuilder('a')));
}

TEST(TokenUsage, MixedConventionsAreSummedAndCountAsMlflows) {
  const auto usage = roll_up(
      {SpanBuilder('r').build(), span_with('a', usage_json(1)).parent('r').build(),
       SpanBuilder('b').parent('r').attribute("gen_ai.usage.input_tokens", int_value(2)).build()});
  EXPECT_EQ(usage->tokens.input_tokens, 3);
  EXPECT_TRUE(usage->from_mlflow);
}

TEST(TokenUsage, TypedUsageIsRead) {
  std::string list, value;
  protozero::pbf_writer(list).add_message(1, key_value("output_tokens", int_value(5)));
  protozero::pbf_writer(value).add_message(6, list);
  const auto usage = usage_of_one(SpanBuilder('a').attribute("mlflow.chat.tokenUsage", value));
  EXPECT_EQ(usage->tokens.output_tokens, 5);
}

TEST(TokenUsage, CountsAreClampedToWhatMlflowCanReadBack) {
  EXPECT_EQ(
      usage_of_one(span_with('a', "{\"input_tokens\": 9223372036854775808}"))->tokens.input_tokens,
      INT64_MAX);
  EXPECT_EQ(usage_of_one(span_with('a', usage_json(-5)))->tokens.input_tokens, 0);
  EXPECT_EQ(usage_of_one(span_with('a', "{\"input_tokens\": 1e30}"))->tokens.input_tokens,
            INT64_MAX);
  EXPECT_EQ(usage_of_one(span_with('a', "{\"input_tokens\": 12.0}"))->tokens.input_tokens, 12);
  EXPECT_EQ(usage_of_one(SpanBuilder('a').attribute("gen_ai.usage.input_tokens", int_value(-1)))
                ->tokens.input_tokens,
            0);
}

TEST(TokenUsage, SumsSaturate) {
  const auto usage = roll_up({span_with('a', usage_json(INT64_MAX)).build(),
                              span_with('b', usage_json(INT64_MAX)).build()});
  EXPECT_EQ(usage->tokens.input_tokens, INT64_MAX);
}

TEST(TokenUsage, WhatIsNoUsageIsNone) {
  for (const char* text : {"null", "5", "[]", "text", ""})
    EXPECT_FALSE(usage_of_one(span_with('a', text))) << text;
  EXPECT_EQ(usage_of_one(span_with('a', "{\"input_tokens\": \"many\"}"))->tokens.input_tokens, 0);
}

TEST(TokenUsage, ParentsInACircleAreNotFollowed) {
  EXPECT_FALSE(roll_up({span_with('a', usage_json(1)).parent('b').build(),
                        span_with('b', usage_json(1)).parent('a').build()}));
}

TEST(TokenUsage, CacheTokensAreWrittenWhenThereAreAny) {
  const auto usage = usage_of_one(
      span_with('a', R"({"total_tokens": 1, "cache_creation_input_tokens_above_1hr": 2})"));
  EXPECT_EQ(usage->tokens.to_json(),
            "{\"input_tokens\": 0, \"output_tokens\": 0, \"total_tokens\": 1, "
            "\"cache_creation_input_tokens_above_1hr\": 2}");
}

}  // namespace
}  // namespace tracelink
