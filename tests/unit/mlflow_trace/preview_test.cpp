#include "daemon/mlflow/trace/preview.hpp"

#include <gtest/gtest.h>

#include "daemon/mlflow/trace/text_limits.hpp"
#include "tests/unit/mlflow_trace/golden_data.hpp"

namespace tracelink {
namespace {

TEST(Preview, IsWhatTheSdkComputes) {
  const auto table = golden_table("previews");
  ASSERT_GT(table.size(), 60u);
  for (const auto& row : table) {
    const std::string json = row.at("json");
    const std::string longest = preview(json, row.at("role").get<std::string>());
    EXPECT_EQ(cut_with_dots(longest, kMaxPreview), row.at("preview").get<std::string>()) << json;
  }
}

TEST(Preview, AKeyMayBeWrittenWithEscapes) {
  EXPECT_EQ(preview(R"({"\u006dessages": [{"role": "user", "content": "hi"}]})", "user"), "hi");
}

TEST(Preview, NulInAMessageIsReplaced) {
  EXPECT_EQ(preview(R"({"messages": [{"role": "user", "content": "a\u0000b"}]})", "user"),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Preview, DeepNestingIsNoTrouble) {
  const std::string open(1'000'000, '['), close(1'000'000, ']');
  EXPECT_EQ(preview("{\"messages\": " + open + close + "}", "user").size(), 10000u);
  std::string requests;
  for (int i = 0; i < 100'000; ++i) requests += "{\"request\":";
  EXPECT_EQ(preview(requests + "1" + std::string(100'000, '}'), "user").size(), 10000u);
}

TEST(Preview, JsonOfVeryManyValuesIsShownAsItIs) {
  const auto conversation = [](std::size_t values) {
    std::string filler = "[";
    for (std::size_t i = 1; i < values; ++i) filler += "[],";
    return R"({"messages": [{"role": "user", "content": "hi"}], "input": )" + filler + "[]]}";
  };
  EXPECT_EQ(preview(conversation(10'000), "user"), "hi");
  EXPECT_TRUE(preview(conversation(200'000), "user").starts_with(R"({"messages")"));
  std::string messages = R"({"messages": [)";
  for (int i = 0; i < 40'000; ++i) messages += "{},";
  EXPECT_EQ(preview(messages + R"({"role": "user", "content": "hi"}]})", "user"), "hi");
  const std::string long_text(500'000, ',');
  EXPECT_EQ(
      preview(R"({"messages": [{"role": "user", "content": "\")" + long_text + "\"}]}", "user")
          .substr(0, 3),
      "\",,")
      << "what stands in a string is no value";
}

}  // namespace
}  // namespace tracelink
