#include "daemon/destination/databricks/span_forms.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/trace/span_view.hpp"
#include "daemon/mlflow/trace/traces_data.hpp"
#include "tests/support/allocated_bytes.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

PreparedTrace trace_of(const std::vector<TestSpan>& spans) {
  return *prepare_trace(trace_id(7), {encode_spans(trace_id(7), spans)});
}

std::string attribute(const std::string& key, const std::string& value) {
  std::string field;
  protozero::pbf_writer(field).add_message(9, write_key_value(key, value));
  return field;
}

TEST(UnityCatalogSpans, EachNamesItsTraceAndTheRootItsUserAndSession) {
  const TestSpan root{.name = "agent",
                      .attributes = encode_attributes({{"user.id", "u"}, {"kept", "1"}})};
  PreparedTrace trace = trace_of({root, {.id = 2, .parent = 1, .name = "tool"}});
  trace.info.metadata["mlflow.trace.session"] = "s-1";
  const auto otlp = unity_catalog_spans(trace, *parse_trace_location("main.agents.app"));
  ASSERT_TRUE(otlp);
  SpanSet set;
  read_traces_data(*otlp, set);
  ASSERT_EQ(set.spans.size(), 2u);
  const SpanView agent = *read_span(set.spans[0].encoded);
  const SpanView tool = *read_span(set.spans[1].encoded);
  const std::string name = "trace:/main.agents.app/00000000000000000000000000000007";
  EXPECT_EQ(agent.attribute("mlflow.traceRequestId")->data, name);
  EXPECT_EQ(tool.attribute("mlflow.traceRequestId")->data, name);
  EXPECT_EQ(agent.attribute("session.id")->data, "s-1");
  EXPECT_EQ(agent.attribute("user.id")->data, "u");
  EXPECT_EQ(agent.attributes.size(), 4u) << "what is there is not repeated";
  EXPECT_FALSE(tool.attribute("session.id"));
}

TEST(TracesJson, IsWhatMlflowsClientWrites) {
  std::string link, event, count;
  {
    protozero::pbf_writer writer(link);
    const TraceId other = trace_id(9);
    const SpanId span = span_id(3);
    writer.add_bytes(1, other.view().data(), other.view().size());
    writer.add_bytes(2, span.view().data(), span.view().size());
  }
  {
    protozero::pbf_writer writer(event);
    writer.add_fixed64(1, 1'500'000'000);
    writer.add_string(2, "exception");
    writer.add_message(3, write_key_value("count", write_integer_value(2)));
  }
  protozero::pbf_writer writer(count);
  writer.add_message(11, event);
  writer.add_message(13, link);
  const TestSpan root{
      .name = "agent",
      .attributes = encode_attributes({{"plain", "42"}, {"mlflow.spanInputs", R"({"q":"ü"})"}}) +
                    attribute("n", write_integer_value(21)) + count};
  const auto text = traces_json(trace_of({root, {.id = 2, .parent = 1, .name = "t\"l"}}));
  ASSERT_TRUE(text);
  const Json expected = Json::parse(R"({"spans": [
    {"trace_id": "AAAAAAAAAAAAAAAAAAAABw==", "span_id": "AAAAAAAAAAE=", "parent_span_id": null,
     "name": "agent", "kind": "SPAN_KIND_UNSPECIFIED", "start_time_unix_nano": 1000000000,
     "end_time_unix_nano": 2000000000,
     "events": [{"name": "exception", "time_unix_nano": 1500000000, "attributes": {"count": 2}}],
     "status": {"code": "STATUS_CODE_UNSET", "message": ""},
     "attributes": {"mlflow.traceRequestId": "\"tr-00000000000000000000000000000007\"",
                    "plain": "\"42\"", "mlflow.spanInputs": "{\"q\":\"ü\"}", "n": "21"},
     "links": [{"trace_id": "tr-00000000000000000000000000000009", "span_id": "0000000000000003",
                "attributes": null}]},
    {"trace_id": "AAAAAAAAAAAAAAAAAAAABw==", "span_id": "AAAAAAAAAAI=",
     "parent_span_id": "AAAAAAAAAAE=", "name": "t\"l", "kind": "SPAN_KIND_UNSPECIFIED",
     "start_time_unix_nano": 1000000000, "end_time_unix_nano": 2000000000, "events": [],
     "status": {"code": "STATUS_CODE_UNSET", "message": ""},
     "attributes": {"mlflow.traceRequestId": "\"tr-00000000000000000000000000000007\""},
     "links": []}]})");
  EXPECT_EQ(Json::parse(*text), expected) << *text;
}

PreparedTrace trace_with(const std::string& text) {
  PreparedTrace trace;
  trace.otlp = encode_spans(trace_id(7), {{.attributes = encode_attributes({{"key", text}})}});
  return trace;
}

// What the file has as the text of the attribute.
std::string stored_text(const std::string& written) {
  const Json file = Json::parse(*traces_json(trace_with(written)));
  return file.at("spans")[0].at("attributes").at("key");
}

std::string object_of(std::size_t members) {
  std::string object = "{";
  for (std::size_t i = 0; i < members; ++i) {
    object += (i > 0 ? ", \"" : "\"") + std::to_string(i) + "\": 1";
  }
  return object + "}";
}

TEST(TracesJson, AnArrayOrObjectStaysItselfHoweverLargeOrDeep) {
  for (const std::string& text : {object_of(1'001), std::string(65, '[') + std::string(65, ']'),
                                  std::string(" \n[1]"), std::string("{}")}) {
    EXPECT_EQ(stored_text(text), text);
  }
  for (const std::string text : {"{", "[1] and more", "3", "null", "\"[]\"", ""}) {
    EXPECT_EQ(stored_text(text), Json(text).dump());
  }
}

TEST(TracesJson, ManySmallArraysTakeMemoryInProportionToTheirText) {
  constexpr std::size_t kBytes = 1u << 20;
  std::string arrays = "[[]";
  while (arrays.size() < kBytes) arrays += ",[]";
  const PreparedTrace trace = trace_with(arrays + "]");
  const std::size_t before = allocated_bytes();
  EXPECT_TRUE(traces_json(trace));
  EXPECT_LT(allocated_bytes() - before, 9 * kBytes);
}

TEST(TracesJson, KeepsTheSpansOfTheFileThatIsThere) {
  const std::string earlier = *traces_json(trace_of({{.name = "agent"}, {.id = 2, .parent = 1}}));
  const auto text = traces_json(
      trace_of({{.id = 2, .parent = 1, .name = "again"}, {.id = 3, .parent = 1, .name = "late"}}),
      earlier);
  ASSERT_TRUE(text);
  const Json spans = Json::parse(*text).at("spans");
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[0], Json::parse(earlier).at("spans")[0]);
  EXPECT_EQ(spans[1].at("name"), "again");
  EXPECT_EQ(spans[2].at("name"), "late");
}

TEST(TracesJson, TakesNoOtherFileForOne) {
  for (const char* file : {"<html>", "{}", R"({"spans": {}})", R"({"spans": [{"name": "x"}]})"}) {
    EXPECT_FALSE(traces_json(trace_of({{}}), file)) << file;
  }
}

TEST(SpanForms, WhatIsNoOtlpIsAnError) {
  PreparedTrace trace;
  trace.otlp = "\x0a\xff";
  EXPECT_FALSE(traces_json(trace));
  EXPECT_FALSE(unity_catalog_spans(trace, {}));
  EXPECT_FALSE(span_ids_of(trace.otlp));
}

}  // namespace
}  // namespace tracelink
