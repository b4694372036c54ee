#include "daemon/cli/tap_text.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

using nlohmann::json;

json span(const char* id, const char* parent, const char* name, int start_ms, int end_ms) {
  return {{"spanId", id},
          {"parentSpanId", parent},
          {"name", name},
          {"startTimeUnixNano", std::to_string(start_ms) + "000000"},
          {"endTimeUnixNano", std::to_string(end_ms) + "000000"}};
}

json entry(const std::vector<json>& spans) {
  const json service{{"key", "service.name"}, {"value", {{"stringValue", "checkout"}}}};
  const json scope{{"spans", spans}};
  const json resource{{"resource", {{"attributes", json::array({service})}}},
                      {"scopeSpans", json::array({scope})}};
  return {{"at", "2026-01-02T03:04:05.678Z"},
          {"trace_id", "0102"},
          {"spans", spans.size()},
          {"model", "agent-v1"},
          {"otlp", {{"resourceSpans", json::array({resource})}}}};
}

json failed(json span) {
  span["status"] = {{"code", 2}, {"message", "no\nkey"}};
  return span;
}

TEST(TapText, IsATreeInTheOrderOfTheStarts) {
  EXPECT_EQ(
      tap_text(entry({span("3", "1", "chat", 300, 1500), span("2", "1", "retrieve", 100, 200),
                      failed(span("4", "3", "tool", 400, 401)), span("1", "", "ask", 0, 1600)}),
               false),
      "03:04:05.678Z  checkout  agent-v1  4 spans  trace 0102\n"
      "  ask  1.6 s\n"
      "    retrieve  100 ms\n"
      "    chat  1.2 s\n"
      "      tool  1 ms  ERROR no\\nkey\n");
}

TEST(TapText, ShowsEachSpanOfABrokenTreeOnce) {
  EXPECT_EQ(tap_text(entry({span("1", "gone", "late", 0, 1), span("2", "3", "a", 0, 1),
                            span("3", "2", "b", 0, 1), span("4", "4", "own", 0, 1)}),
                     false),
            "03:04:05.678Z  checkout  agent-v1  4 spans  trace 0102\n"
            "  late  1 ms\n  a  1 ms\n    b  1 ms\n  own  1 ms\n");
}

TEST(TapText, SaysWhatIsTooLarge) {
  json large = entry({span("1", "", "ask", 0, 1)});
  large["otlp"] = nullptr;
  EXPECT_EQ(tap_text(large, false),
            "03:04:05.678Z  agent-v1  1 span  trace 0102\n  too large to be shown\n");
}

TEST(TapText, SaysWhatHasNoSpans) {
  json told = entry({});
  told["otlp"] = nullptr;
  EXPECT_EQ(
      tap_text(told, false),
      "03:04:05.678Z  agent-v1  0 spans  trace 0102\n  what MLflow's SDK tells of the trace\n");
}

TEST(TapText, SaysWhenADeliveredTraceWasAccepted) {
  json delivered = entry({span("1", "", "ask", 0, 1)});
  delivered["accepted_at"] = "2026-01-02T03:04:02.100Z";
  EXPECT_EQ(tap_text(delivered, false),
            "03:04:05.678Z  checkout  agent-v1  1 span  trace 0102  accepted 03:04:02.100Z\n"
            "  ask  1 ms\n");
}

TEST(TapText, ColoursErrors) {
  EXPECT_NE(
      tap_text(entry({failed(span("1", "", "ask", 0, 1))}), true).find("\x1b[31mERROR\x1b[0m"),
      std::string::npos);
}

TEST(TapFilter, ChoosesAVersionByItsIdToo) {
  json known = entry({span("1", "", "ask", 0, 1)});
  known["model_id"] = "m-1";
  const TapFilter filter{.service = "", .version = "m-1", .errors = false};
  EXPECT_TRUE(is_shown(known, filter));
  known["model_id"] = nullptr;
  EXPECT_FALSE(is_shown(known, filter)) << "not known yet";
}

TEST(TapFilter, ChoosesByServiceVersionAndErrors) {
  const json good = entry({span("1", "", "ask", 0, 1)});
  const json bad = entry({failed(span("1", "", "ask", 0, 1))});
  EXPECT_TRUE(is_shown(good, {}));
  EXPECT_TRUE(is_shown(good, {.service = "checkout", .version = "agent-v1", .errors = false}));
  EXPECT_FALSE(is_shown(good, {.service = "other", .version = "", .errors = false}));
  EXPECT_FALSE(is_shown(good, {.service = "", .version = "agent-v2", .errors = false}));
  EXPECT_FALSE(is_shown(good, {.service = "", .version = "", .errors = true}));
  EXPECT_TRUE(is_shown(bad, {.service = "", .version = "", .errors = true}));
}

}  // namespace
}  // namespace tracelink::cli
