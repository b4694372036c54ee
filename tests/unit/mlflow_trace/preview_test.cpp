#include "daemon/mlflow/preview.hpp"

#include <gtest/gtest.h>

#include "tests/unit/mlflow_trace/golden_data.hpp"

namespace tracelink {
namespace {

TEST(Preview, IsWhatTheSdkComputes) {
  const auto table = golden_table("previews");
  ASSERT_GT(table.size(), 60u);
  for (const auto& row : table) {
    const std::string json = row.at("json");
    EXPECT_EQ(preview(json, row.at("role").get<std::string>()), row.at("preview")) << json;
  }
}

TEST(Preview, NulInAMessageIsReplaced) {
  EXPECT_EQ(preview(R"({"messages": [{"role": "user", "content": "a\u0000b"}]})", "user"),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Preview, DeepNestingIsNoTrouble) {
  const std::string open(1'000'000, '['), close(1'000'000, ']');
  EXPECT_EQ(preview("{\"messages\": " + open + close + "}", "user").size(), 1000u);
  std::string requests;
  for (int i = 0; i < 100'000; ++i) requests += "{\"request\":";
  EXPECT_EQ(preview(requests + "1" + std::string(100'000, '}'), "user").size(), 1000u);
}

}  // namespace
}  // namespace tracelink
