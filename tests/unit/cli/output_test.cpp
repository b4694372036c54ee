#include "daemon/cli/output.hpp"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tracelink::cli {
namespace {

constexpr char kEvil[] = "agent\x1b[31m\x07\n2026-01-01 forged\xc2\x9b\u202e";
constexpr char kShown[] = "agent\\x1b[31m\\x07\\n2026-01-01 forged\\u009b\\u202e";

class Output : public testing::Test {
 protected:
  Output() { testing::internal::CaptureStdout(); }
  std::string printed() { return testing::internal::GetCapturedStdout(); }
};

TEST_F(Output, ValuesAreShownOnOneLine) {
  print("name {}, {} spans\n", kEvil, 3);
  EXPECT_EQ(printed(), std::string("name ") + kShown + ", 3 spans\n");
}

TEST_F(Output, JsonIsTheSameWithoutControlCharacters) {
  print_json(nlohmann::json{{"name", kEvil}});
  const std::string text = printed();
  EXPECT_EQ(text.find_first_of("\x1b\x07\xc2\xe2"), std::string::npos) << text;
  EXPECT_EQ(nlohmann::json::parse(text)["name"], kEvil);
}

TEST_F(Output, BytesThatAreNotUtf8AreNoError) {
  print_json(nlohmann::json{{"name", "\xff"}});
  EXPECT_EQ(printed(), "{\n  \"name\": \"\uFFFD\"\n}\n");
}

TEST(ErrorOutput, AFurtherLineDoesNotBeginAtTheMargin) {
  testing::internal::CaptureStderr();
  print_error("tracelink: refused\n2026-01-01 forged\x1b");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "tracelink: refused\n  2026-01-01 forged\\x1b\n");
}

}  // namespace
}  // namespace tracelink::cli
