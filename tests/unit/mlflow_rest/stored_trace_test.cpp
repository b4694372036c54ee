#include "daemon/mlflow/rest/stored_trace.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

constexpr std::string_view kInfo = R"("trace_info": {
  "trace_id": "tr-1", "request_time": "2026-11-23T11:54:31.043Z", "execution_duration": "0.054s",
  "state": "ERROR", "trace_metadata": {"mlflow.modelId": "m-1", "key": "k", "value": "v"},
  "tags": {}, "assessments": [{"span_id": "AAAAAAAAAAk="}]})";

std::string answer_with(const std::string& spans) {
  return R"({"traces": [{)" + std::string(kInfo) + R"(, "spans": [)" + spans + "]}]}";
}
std::optional<StoredTrace> read(const std::string& spans) {
  const auto trace = read_stored_trace({}, answer_with(spans));
  return trace ? *trace : std::nullopt;
}
ErrorCode refusal_of(const std::string& answer) {
  const auto trace = read_stored_trace({}, answer);
  EXPECT_FALSE(trace) << answer.substr(0, 80);
  return trace ? ErrorCode::io : trace.error().code;
}

// As servers show it: ids in base64, OTLP's AnyValue in JSON.
std::string span(const std::string& last_of_id, const std::string& fields) {
  return R"({"trace_id": "QNTP79bgFTNFrp2LExOqug==", "span_id": "AAAAAAAAAA)" + last_of_id +
         R"(=", "start_time_unix_nano": 1795740690654167133, "status": {})" + fields + "}";
}
std::string usage(const std::string& tokens) {
  return R"(, "attributes": [{"key": "mlflow.spanInputs", "value": {"string_value": "a"}},
    {"key": "mlflow.chat.tokenUsage", "value": )" +
         tokens + "}]";
}
std::string pairs(int input, const std::string& output) {
  return R"({"kvlist_value": {"values": [{"key": "input_tokens", "value": {"int_value": )" +
         std::to_string(input) + R"(}}, {"key": "output_tokens", "value": )" + output + "}]}}";
}

TEST(StoredTrace, InfoAsTheServerShowsIt) {
  const auto trace = read("");
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->state, TraceState::error);
  EXPECT_EQ(trace->start_ms, 1'795'434'871'043u);
  EXPECT_EQ(trace->duration_ms, 54u);
  EXPECT_EQ(trace->metadata.at("mlflow.modelId"), "m-1");
  EXPECT_TRUE(trace->spans.empty()) << "an assessment is no span";
  const TraceInfo info = trace->unchanged_info();
  EXPECT_EQ(info.state, TraceState::error);
  EXPECT_EQ(info.start_ns / 1'000'000, trace->start_ms);
  EXPECT_EQ((info.end_ns - info.start_ns) / 1'000'000, 54u);
  EXPECT_TRUE(info.tags.empty());
}

// What EndTrace is told is counted in nanoseconds.
TEST(StoredTrace, TimesBeyondWhatIsCountedAreTheLastOnes) {
  EXPECT_EQ(read_duration_ms("1e300s"), 1'000'000'000'000u);
  EXPECT_EQ(read_duration_ms("-1s"), 0u);
  EXPECT_EQ(read_time_ms("9999-12-31T23:59:59Z"), 9'223'372'036'000u);
}

TEST(StoredTrace, AnAnswerThatNestsWithoutEndIsTooLarge) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  const auto token = [&](std::size_t depth) {
    return span("E", R"(, "attributes": [{"key": "gen_ai.usage.input_tokens",
                     "value": {"int_value": )" +
                         nested(depth) + "}}]");
  };
  EXPECT_EQ(refusal_of(answer_with(token(200'000))), ErrorCode::too_large);
  const auto odd = read(token(100));
  ASSERT_TRUE(odd);
  EXPECT_FALSE(odd->spans.at(0).usage);
}

TEST(StoredTrace, SpansWithTheirParentsAndTokens) {
  const auto trace = read(
      span("E", "") + "," +
      span("I", R"(, "parent_span_id": "AAAAAAAAAAE=", "links": [{"span_id": "AAAAAAAAAAk="}])" +
                    usage(pairs(20, R"({"int_value": "5"})"))));
  ASSERT_TRUE(trace);
  ASSERT_EQ(trace->spans.size(), 2u);
  EXPECT_EQ(trace->spans[0].id.hex(), "0000000000000001");
  EXPECT_FALSE(trace->spans[0].parent);
  EXPECT_FALSE(trace->spans[0].usage);
  EXPECT_EQ(trace->spans[1].parent, trace->spans[0].id);
  ASSERT_TRUE(trace->spans[1].usage);
  EXPECT_EQ(trace->spans[1].usage->tokens.input_tokens, 20);
  EXPECT_EQ(trace->spans[1].usage->tokens.output_tokens, 5);
}

TEST(StoredTrace, TokensInJsonText) {
  const auto trace =
      read(span("E", usage(R"({"string_value": "{\"input_tokens\": 7, \"output_tokens\": 3}"})")));
  ASSERT_TRUE(trace && trace->spans.size() == 1 && trace->spans[0].usage);
  EXPECT_EQ(trace->spans[0].usage->tokens.input_tokens, 7);
}

TEST(StoredTrace, OfAnObjectOfManyCountsTheFirstAreRead) {
  std::string many;
  for (int n = 0; n < 100; ++n)
    many += R"(, {"key": "token_)" + std::to_string(n) + R"(", "value": {"int_value": 1}})";
  const auto trace = read(span(
      "E",
      usage(R"({"kvlist_value": {"values": [{"key": "input_tokens", "value": {"int_value": 7}})" +
            many + "]}}")));
  ASSERT_TRUE(trace && trace->spans.size() == 1 && trace->spans[0].usage);
  EXPECT_EQ(trace->spans[0].usage->tokens.input_tokens, 7);
}

TEST(StoredTrace, OnlyMlflowsOwnWordsSayThatThereIsNone) {
  for (const char* answer : {"{}", R"({"traces": []})"}) {
    const auto trace = read_stored_trace({}, answer);
    ASSERT_TRUE(trace) << answer;
    EXPECT_FALSE(*trace);
  }
  std::string cut = answer_with(span("E", ""));
  cut.resize(cut.size() - 3);
  for (const std::string& answer : {std::string("<html>"), std::string(), std::string("[]"),
                                    std::string(R"({"status":"ok"})"), cut}) {
    EXPECT_EQ(refusal_of(answer), ErrorCode::corrupt) << answer;
  }
}

TEST(StoredTrace, AttributesThatAreNotLikeThatAreNoUsage) {
  for (const char* value : {"null", "5", "{}", R"({"kvlist_value": 5})", R"({"int_value": "x"})",
                            R"({"kvlist_value": {"values": [5, {"key": 5}]}})"}) {
    SCOPED_TRACE(value);
    const auto trace = read(span("E", usage(value)));
    ASSERT_TRUE(trace);
    EXPECT_EQ(trace->spans.size(), 1u);
  }
  EXPECT_TRUE(read(R"({"span_id": "no id"}, 5, {"span_id": 5})")->spans.empty());
}

}  // namespace
}  // namespace tracelink
