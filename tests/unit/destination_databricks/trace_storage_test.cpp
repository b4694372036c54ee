#include "daemon/destination/databricks/trace_storage.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using Kind = TraceStorage::Kind;

constexpr char kPath[] = "mlflow.experiment.databricksTraceDestinationPath";
constexpr char kTable[] = "mlflow.experiment.databricksTraceSpanStorageTable";

TEST(TraceStorage, WithoutTagsTracesLiveBesideTheExperiment) {
  EXPECT_EQ(storage_of({{"owner", "x"}}, {}), TraceStorage{});
  EXPECT_FALSE(TraceStorage{}.in_unity_catalog());
}

TEST(TraceStorage, APathOfThreePartsIsATablePrefix) {
  const TraceStorage storage = storage_of({{kPath, "main.agents.app"}}, {});
  EXPECT_EQ(storage.kind, Kind::table_prefix);
  EXPECT_EQ(storage.location(), "main.agents.app");
  EXPECT_EQ(storage.spans_table, "main.agents.app_otel_spans");
}

TEST(TraceStorage, TheTableThatATagNamesIsTheTable) {
  const TraceStorage storage =
      storage_of({{kPath, "main.agents.app"}, {kTable, "main.a.spans"}}, {});
  EXPECT_EQ(storage.spans_table, "main.a.spans");
}

TEST(TraceStorage, APathOfTwoPartsIsASchema) {
  const TraceStorage storage = storage_of({{kPath, "main.agents"}}, {});
  EXPECT_EQ(storage.kind, Kind::schema);
  EXPECT_EQ(storage.location(), "main.agents");
  EXPECT_EQ(storage.spans_table, "main.agents.mlflow_experiment_trace_otel_spans");
}

TEST(TraceStorage, OtherTextIsNoLocation) {
  for (const char* text : {"", "main", "main..app", ".a.b", "a.b.c.d", "a.b."}) {
    EXPECT_FALSE(parse_trace_location(text)) << text;
    EXPECT_EQ(storage_of({{kPath, text}}, {}), TraceStorage{}) << text;
  }
}

TEST(TraceStorage, ControlCharactersAreInNoName) {
  EXPECT_FALSE(parse_trace_location("main.agents.app\r\nX-A: b"));
  const TraceStorage storage =
      storage_of({{kPath, "main.agents.app"}, {kTable, "main.agents.t\r\nX-A: b"}}, {});
  EXPECT_EQ(storage.spans_table, "main.agents.app_otel_spans");
}

TEST(TraceStorage, TheConfigurationSpeaksWhereTheExperimentDoesNot) {
  const auto configured = parse_trace_location("c.s.configured");
  EXPECT_EQ(storage_of({}, configured).location(), "c.s.configured");
  EXPECT_EQ(storage_of({{kPath, "main.agents.app"}}, configured).location(), "main.agents.app");
}

}  // namespace
}  // namespace tracelink
