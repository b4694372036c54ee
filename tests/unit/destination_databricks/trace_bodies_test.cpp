#include "daemon/destination/databricks/trace_bodies.hpp"

#include <gtest/gtest.h>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

TraceInfo info() {
  TraceInfo info;
  info.trace_id = trace_id(0x2a);
  info.start_ns = 1'795'938'441'813'590'628;
  info.end_ns = info.start_ns + 711'505'848;
  info.state = TraceState::ok;
  info.has_root = true;
  info.request_preview = std::string(10'000, 'q');
  info.metadata = {{"mlflow.trace_schema.version", "3"},
                   {"mlflow.trace.user", std::string(300, 'u')}};
  info.tags = {{"mlflow.traceName", "agent"},
               {"colour", std::string(5'000, 'r')},
               {"mlflow.trace.spansLocation", "TRACKING_STORE"}};
  TokenUsage tokens;
  tokens.input_tokens = 3;
  tokens.output_tokens = 4;
  tokens.total_tokens = 7;
  info.token_usage = tokens;
  return info;
}

TraceContext context() {
  return {.model_id = "m-1", .experiment_id = "12", .metadata = {}, .tags = {{"version", "v1"}}};
}

TEST(TraceBodies, TheInfoOfUnityCatalogNamesItsTables) {
  const auto storage = *parse_trace_location("main.agents.app");
  const Json body = parse_answer(unity_catalog_info_body(info(), storage, context()));
  EXPECT_EQ(body["trace_id"], "0000000000000000000000000000002a");
  EXPECT_EQ(body["trace_location"], (Json{{"type", "UC_TABLE_PREFIX"},
                                          {"uc_table_prefix",
                                           {{"catalog_name", "main"},
                                            {"schema_name", "agents"},
                                            {"table_prefix", "app"},
                                            {"spans_table_name", "main.agents.app_otel_spans"}}}}));
  EXPECT_EQ(body["state"], "OK");
  EXPECT_EQ(body["request_time"], "2026-11-29T07:47:21.813Z");
  EXPECT_EQ(body["execution_duration"], "0.711s");
  EXPECT_EQ(body["request_preview"].get<std::string>().size(), 10'000u);
  const Json& metadata = body["trace_metadata"];
  EXPECT_EQ(metadata["mlflow.modelId"], "m-1");
  EXPECT_EQ(metadata["mlflow.trace_schema.version"], "4");
  EXPECT_EQ(metadata["mlflow.trace.tokenUsage"],
            R"({"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})");
  EXPECT_EQ(metadata["mlflow.trace.user"], std::string(250, 'u'));
  EXPECT_EQ(body["tags"], (Json{{"colour", std::string(4'096, 'r')},
                                {"mlflow.traceName", "agent"},
                                {"version", "v1"}}));
}

TEST(TraceBodies, TheInfoOfASchemaNamesItsTable) {
  const auto storage = *parse_trace_location("main.agents");
  const Json body = parse_answer(unity_catalog_info_body(info(), storage, context()));
  EXPECT_EQ(body["trace_location"],
            (Json{{"type", "UC_SCHEMA"},
                  {"uc_schema",
                   {{"catalog_name", "main"},
                    {"schema_name", "agents"},
                    {"otel_spans_table_name", "mlflow_experiment_trace_otel_spans"},
                    {"otel_logs_table_name", "mlflow_experiment_trace_otel_logs"}}}}));
}

TEST(TraceBodies, TheInfoOfAnExperimentIsStartTraceV3) {
  const Json body = parse_answer(experiment_info_body(info(), context()))["trace"]["trace_info"];
  EXPECT_EQ(body["trace_id"], "tr-0000000000000000000000000000002a");
  EXPECT_EQ(body["trace_location"], (Json{{"type", "MLFLOW_EXPERIMENT"},
                                          {"mlflow_experiment", {{"experiment_id", "12"}}}}));
  EXPECT_EQ(body["trace_metadata"]["mlflow.trace_schema.version"], "3");
  EXPECT_EQ(body["trace_metadata"]["mlflow.modelId"], "m-1");
}

}  // namespace
}  // namespace tracelink
