#include "daemon/mlflow/rest/capabilities.hpp"

#include <gtest/gtest.h>

#include "daemon/mlflow/rest/remedies.hpp"

namespace tracelink {
namespace {

TEST(Capabilities, FollowTheMeasuredMatrix) {
  struct Row {
    const char* version;
    bool otlp, gzip, token_usage_in_start_trace, start_trace_after_spans, sums_over_tree;
  };
  constexpr Row kRows[] = {
      {"3.4.0", false, false, false, false, false}, {"3.5.1", false, false, false, false, false},
      {"3.6.0", true, false, false, false, false},  {"3.7.0", true, true, false, false, false},
      {"3.9.0", true, true, false, false, false},   {"3.10.1", true, true, false, false, false},
      {"3.11.1", true, true, false, false, false},  {"3.12.0", true, true, true, false, false},
      {"3.13.0", true, true, true, true, false},    {"3.14.0", true, true, true, true, false},
      {"3.15.2", true, true, true, true, true},     {"3.16.1", true, true, true, true, true},
      {"3.17.2", true, true, true, true, true},     {"3.18.0", true, true, true, true, true},
      {"4.0.0", true, true, true, true, true},      {"2.22.0", false, false, false, false, false},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.version);
    const auto version = parse_server_version(row.version);
    ASSERT_TRUE(version);
    const Capabilities can = capabilities_of(*version);
    EXPECT_EQ(can.otlp, row.otlp);
    EXPECT_EQ(can.gzip, row.gzip);
    EXPECT_EQ(can.token_usage_in_start_trace, row.token_usage_in_start_trace);
    EXPECT_EQ(can.start_trace_after_spans, row.start_trace_after_spans);
    EXPECT_EQ(can.sums_over_tree, row.sums_over_tree);
    EXPECT_EQ(unsupported_server(*version).has_value(), !row.otlp);
  }
}

TEST(Capabilities, AServerThatIsTooOldHasARemedy) {
  const auto failure = unsupported_server(*parse_server_version("3.4.0"));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->failure_class, FailureClass::configuration);
  EXPECT_EQ(failure->scope, FailureScope::server);
  EXPECT_EQ(failure->message, "the MLflow server is version 3.4.0");
  EXPECT_EQ(failure->remedy, remedy::kServerTooOld);
}

TEST(ServerVersion, KeepsTheTextAndComparesTheNumbers) {
  const auto development = parse_server_version("3.18.0.dev0\n");
  ASSERT_TRUE(development);
  EXPECT_EQ(development->text, "3.18.0.dev0");
  EXPECT_EQ(*development, *parse_server_version("3.18.0"));
  EXPECT_LT(*parse_server_version("3.9.12"), *parse_server_version("3.10.1"));
  EXPECT_LT(*parse_server_version("3.10"), *parse_server_version("3.10.1"));
  EXPECT_EQ(parse_server_version("3.7.0rc1")->patch, 0);
}

TEST(ServerVersion, OtherTextIsNone) {
  for (const char* text :
       {"", "3", "3.", ".6", "v3.6", "-3.6", "OK", "<html>", "\"3.6.0\"", "99999999999.1"}) {
    EXPECT_FALSE(parse_server_version(text)) << text;
  }
  EXPECT_FALSE(parse_server_version("3.6." + std::string(100, '1')));
}

}  // namespace
}  // namespace tracelink
