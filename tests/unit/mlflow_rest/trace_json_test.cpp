#include <gtest/gtest.h>

#include "daemon/mlflow/rest/rest_json.hpp"

namespace tracelink {
namespace {

const TraceId kTrace = *TraceId::from_bytes("0123456789abcdef");

TraceInfo info() {
  TraceInfo info;
  info.trace_id = kTrace;
  info.start_ns = 1'795'434'871'043'999'999;  // 2026-11-23T11:54:31.043…
  info.end_ns = 1'795'434'872'277'999'999;
  info.state = TraceState::ok;
  info.has_root = true;
  info.name = "handle";
  info.tags = {{"mlflow.traceName", "handle"}};
  return info;
}

std::string start_trace(const TraceInfo& info) {
  return start_trace_body(info, "12", {{"mlflow.modelId", "m-1"}});
}

// What stands behind "<key>": up to the next comma.
std::string value_at(const std::string& body, const std::string& key) {
  const auto found = body.find("\"" + key + "\":");
  if (found == std::string::npos) return "absent";
  const auto start = found + key.size() + 3;
  return body.substr(start, body.find_first_of(",}", start) - start);
}

TEST(StartTraceBody, HasTheMetadataBeforeAllThatTheServerMightStumbleOver) {
  TraceInfo trace = info();
  trace.request_preview = "hi";
  trace.response_preview = "hello \"you\"";
  EXPECT_EQ(
      start_trace_body(trace, "12",
                       {{"mlflow.modelId", "m-1"}, {"mlflow.trace_schema.version", "3"}}),
      R"({"trace":{"trace_info":{"trace_id":"tr-30313233343536373839616263646566",)"
      R"("trace_location":{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":{"experiment_id":"12"}},)"
      R"("trace_metadata":{"mlflow.modelId":"m-1","mlflow.trace_schema.version":"3"},)"
      R"("tags":{"mlflow.traceName":"handle"},"state":"OK",)"
      R"("request_time":"2026-11-23T11:54:31.043Z","execution_duration":"1.234s",)"
      R"("request_preview":"hi","response_preview":"hello \"you\""}}})");
}

TEST(StartTraceBody, EmptyTagsAndMetadataAreObjects) {
  TraceInfo trace = info();
  trace.tags.clear();
  const std::string body = start_trace_body(trace, "12", {});
  EXPECT_NE(body.find(R"("trace_metadata":{},"tags":{})"), std::string::npos) << body;
}

TEST(StartTraceBody, TextsAreEscapedAndIllFormedOnesRepaired) {
  TraceInfo trace = info();
  trace.tags = {{"a\"", "line\n\t\x01\x7f é"}, {"b\xff", "\xc3"}};
  const std::string body = start_trace(trace);
  EXPECT_NE(body.find(R"("tags":{"a\"":"line\n\t\u0001)"
                      "\x7f é\",\"b\xef\xbf\xbd\":\"\xef\xbf\xbd\"}"),
            std::string::npos)
      << body;
}

TEST(StartTraceBody, AbsentPreviewsAreLeftToTheServer) {
  EXPECT_EQ(value_at(start_trace(info()), "request_preview"), "absent");
  EXPECT_EQ(value_at(start_trace(info()), "response_preview"), "absent");
}

TEST(StartTraceBody, NamesEveryState) {
  TraceInfo trace = info();
  trace.state = TraceState::error;
  EXPECT_EQ(value_at(start_trace(trace), "state"), R"("ERROR")");
  trace.state = TraceState::in_progress;
  EXPECT_EQ(value_at(start_trace(trace), "state"), R"("IN_PROGRESS")");
}

TEST(StartTraceBody, TimesAreWholeMillisecondsAndTheDurationIsOfTheNanoseconds) {
  struct Row {
    std::uint64_t start_ns, end_ns;
    const char *request_time, *duration;
  };
  constexpr Row kRows[] = {
      {0, 0, R"("1970-01-01T00:00:00.000Z")", R"("0.000s")"},
      {999'999, 1'999'998, R"("1970-01-01T00:00:00.000Z")", R"("0.000s")"},
      {999'999, 1'999'999, R"("1970-01-01T00:00:00.000Z")", R"("0.001s")"},
      {5'000'000, 4'000'000, R"("1970-01-01T00:00:00.005Z")", R"("0.000s")"},
      {951'782'399'009'000'000, 951'785'999'059'000'000, R"("2000-02-28T23:59:59.009Z")",
       R"("3600.050s")"},
      {0, 9'223'372'036'854'775'807, R"("1970-01-01T00:00:00.000Z")", R"("9223372036.854s")"},
      {9'223'372'036'854'775'807, 9'223'372'036'854'775'807, R"("2262-04-11T23:47:16.854Z")",
       R"("0.000s")"},
  };
  for (const Row& row : kRows) {
    TraceInfo trace = info();
    trace.start_ns = row.start_ns;
    trace.end_ns = row.end_ns;
    EXPECT_EQ(value_at(start_trace(trace), "request_time"), row.request_time);
    EXPECT_EQ(value_at(start_trace(trace), "execution_duration"), row.duration);
  }
}

TEST(EndTraceBody, EndsWhereStartAndDurationOfStartTraceEnd) {
  EXPECT_EQ(end_trace_body(info(), {{"mlflow.modelId", "m-1"}}),
            R"({"request_id":"tr-30313233343536373839616263646566","timestamp_ms":1795434872277,)"
            R"("status":"OK","request_metadata":[{"key":"mlflow.modelId","value":"m-1"}],)"
            R"("tags":[{"key":"mlflow.traceName","value":"handle"}]})");
}

TEST(EndTraceBody, AnEndBeforeTheStartIsTheStart) {
  TraceInfo trace = info();
  trace.end_ns = trace.start_ns - 5'000'000;
  EXPECT_EQ(value_at(end_trace_body(trace, {}), "timestamp_ms"), "1795434871043");
}

TEST(EndTraceBody, EmptyTagsAndMetadataAreLists) {
  TraceInfo trace = info();
  trace.tags.clear();
  EXPECT_NE(end_trace_body(trace, {}).find(R"("request_metadata":[],"tags":[])"),
            std::string::npos);
}

TEST(LinkedTracesBody, FiltersByTheMetadataKey) {
  EXPECT_EQ(linked_traces_body("12", "m-1"),
            R"({"locations":[{"type":"MLFLOW_EXPERIMENT",)"
            R"("mlflow_experiment":{"experiment_id":"12"}}],)"
            R"("filter":"request_metadata.`mlflow.modelId` = 'm-1'","max_results":1})");
}

}  // namespace
}  // namespace tracelink
