#include "daemon/mlflow/rest/queued_trace.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "daemon/mlflow/rest/trace_change.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Json = nlohmann::json;

TraceSlice info(const std::string& tag = "first") {
  const Json told = {
      {"trace_id", "tr-" + trace_id(1).hex()},
      {"trace_location", {{"mlflow_experiment", {{"experiment_id", "12"}}}}},
      {"tags", {{"team", tag}}},
      {"assessments", Json::array({{{"assessment_id", "a-1"}, {"assessment_name", "good"}}})}};
  TraceSlice slice;
  slice.trace_id = trace_id(1);
  slice.info = told.dump();
  return slice;
}

TraceSlice spans(std::vector<TestSpan> all) {
  TraceSlice slice;
  slice.trace_id = trace_id(1);
  slice.otlp = encode_spans(trace_id(1), all);
  return slice;
}

TraceSlice change(const std::string& json) {
  TraceSlice slice;
  slice.trace_id = trace_id(1);
  slice.change = json;
  return slice;
}

const char* const kTag = R"({"kind":"set_tag","body":{"key":"later","value":"yes"}})";

TEST(QueuedTrace, IsTheLastInfoWithItsChanges) {
  const auto trace =
      queued_trace({change(kTag), info("first"), info("second")}, "s3://b/12", false);
  ASSERT_TRUE(trace);
  const Json told = Json::parse(trace->json())["trace_info"];
  const std::string name = "tr-" + trace_id(1).hex();
  EXPECT_EQ(told["tags"],
            (Json{{"team", "second"},
                  {"later", "yes"},
                  {"mlflow.artifactLocation", "s3://b/12/traces/" + name + "/artifacts"},
                  {"mlflow.trace.spansLocation", "TRACKING_STORE"}}));
  EXPECT_FALSE(Json::parse(trace->json()).contains("spans"));
  EXPECT_FALSE(trace->is_deleted);
}

TEST(QueuedTrace, WhoseSpansCameAsAFileSaysThatTheyAreThere) {
  const TraceSlice file =
      trace_change_slice(artifact_change("/api/2.0/mlflow-artifacts/artifacts/12/traces/tr-" +
                                             trace_id(1).hex() + "/artifacts/traces.json",
                                         "{}"));
  const auto says_place = [](const std::vector<TraceSlice>& slices) {
    const auto trace = queued_trace(slices, "", true);
    return Json::parse(trace->info)["tags"].contains("mlflow.trace.spansLocation");
  };
  EXPECT_FALSE(says_place({info(), file}));
  EXPECT_TRUE(says_place({info(), file, spans({{.id = 1}})}));
  EXPECT_TRUE(says_place({info()})) << "they are on their way";
}

TEST(QueuedTrace, HasItsSpansOnceWithIdsAsProtobufReadsThem) {
  const auto trace = queued_trace(
      {spans({{.id = 2, .parent = 1}}), info(), spans({{.id = 1}, {.id = 2, .parent = 1}})}, "",
      true);
  ASSERT_TRUE(trace);
  const Json told = Json::parse(trace->json())["spans"];
  ASSERT_EQ(told.size(), 2u) << "the SDK sends a span again whose answer was lost";
  for (const Json& span : told) {
    EXPECT_EQ(span["traceId"].get<std::string>().size(), 24u) << span;
    EXPECT_EQ(span["spanId"].get<std::string>().size(), 12u) << span;
  }
}

TEST(QueuedTrace, HasItsSpansInTheOrderInWhichTheyBegan) {
  const auto trace =
      queued_trace({spans({{.id = 3, .parent = 1, .name = "later", .start_ns = 1'000'000'001}}),
                    spans({{.id = 2, .parent = 1, .name = "child", .start_ns = 999}}),
                    spans({{.id = 1, .name = "root", .start_ns = 999}}), info()},
                   "", true);
  ASSERT_TRUE(trace);
  const Json told = Json::parse(trace->json())["spans"];
  std::vector<std::string> names;
  for (const Json& span : told) names.push_back(span["name"]);
  EXPECT_EQ(names, (std::vector<std::string>{"root", "child", "later"}));
}

TEST(QueuedTrace, KnowsThatItIsDeleted) {
  EXPECT_TRUE(queued_trace({info(), change(R"({"kind":"delete_trace","body":{}})")}, "", false)
                  ->is_deleted);
}

TEST(QueuedTrace, IsNoneWithoutAnInfo) {
  EXPECT_FALSE(queued_trace({}, "", true));
  EXPECT_FALSE(queued_trace({spans({{.id = 1}}), change(kTag)}, "", true));
  EXPECT_EQ(experiment_of({spans({{.id = 1}})}), "");
  EXPECT_EQ(experiment_of({info()}), "12");
}

TEST(QueuedTrace, TellsOneOfItsAssessments) {
  EXPECT_EQ(assessment_in(info().info, "a-1"),
            R"({"assessment_id":"a-1","assessment_name":"good"})");
  EXPECT_EQ(assessment_in(info().info, "a-2"), "");
  EXPECT_EQ(assessment_in_answer(R"({"assessment":{"a":1}})"), R"({"a":1})");
  EXPECT_EQ(assessment_in_answer("<html>"), "");
}

}  // namespace
}  // namespace tracelink
