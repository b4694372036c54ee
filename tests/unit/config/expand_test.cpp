#include "config/expand.hpp"

#include <filesystem>

#include <sys/stat.h>

#include "tests/unit/config/load_fixture.hpp"

namespace tracelink {
namespace {

class Expand : public LoadTest {
 protected:
  std::string text(const std::string& input) {
    const auto result = expand(input, variables_);
    EXPECT_TRUE(result) << result.error().message;
    return result ? result->text : "";
  }
  std::string error(const std::string& input) {
    const auto result = expand(input, variables_);
    EXPECT_FALSE(result) << result->text;
    return result ? "" : result.error().message;
  }
  std::map<std::string, std::string> variables_{
      {"A", "alpha"}, {"EMPTY", ""}, {"MONEY", "5$"}, {"NESTED", "${A}"}};
};

TEST_F(Expand, ReplacesVariables) {
  EXPECT_EQ(text("no variable, $A and $$"), "no variable, $A and $$");
  EXPECT_EQ(text("<${A}${A}>"), "<alphaalpha>");
  EXPECT_EQ(text("${EMPTY}"), "");
  EXPECT_EQ(text("${A:-other}"), "alpha");
  EXPECT_EQ(text("${NONE:-other}"), "other");
  EXPECT_EQ(text("${NONE:-}"), "");
  EXPECT_EQ(text("${EMPTY:-other}"), "other");
}

TEST_F(Expand, LeavesWhatIsEscapedOrPutIn) {
  EXPECT_EQ(text("$${A}"), "${A}");
  EXPECT_EQ(text("$${A} ${A}"), "${A} alpha");
  EXPECT_EQ(text("${NESTED}"), "${A}");
  EXPECT_EQ(text("${MONEY}${A}"), "5$alpha");
}

TEST_F(Expand, NamesWhatIsWrong) {
  EXPECT_NE(error("${NONE}").find("${NONE}: the variable is not set"), std::string::npos);
  EXPECT_NE(error("a ${A").find("without its }"), std::string::npos);
  EXPECT_NE(error("${}").find("is none of"), std::string::npos);
  EXPECT_NE(error("${1A}").find("is none of"), std::string::npos);
  EXPECT_NE(error("${A-b}").find("is none of"), std::string::npos);
  EXPECT_NE(error("${A:-${B}}").find("another"), std::string::npos);
}

TEST_F(Expand, ReadsVariablesWithoutTheirLastLineBreak) {
  variables_["SECRET"] = "a b \r\n\n";
  EXPECT_EQ(text("<${SECRET}>"), "<a b >");
  EXPECT_EQ(text("<${SECRET:-other}>"), "<a b >");
  variables_["BREAK"] = "\n";
  EXPECT_EQ(text("${BREAK:-other}"), "other");
}

TEST_F(Expand, ReadsFilesWithoutTheirLastLineBreak) {
  const auto result = expand("<${file:" + write("token", "s3cret\n") + "}>", {});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->text, "<s3cret>");
  EXPECT_TRUE(result->from_file);
  EXPECT_EQ(text("${file:" + write("windows", "a\r\n") + "}"), "a");
  EXPECT_EQ(text("${file:" + write("two", "a\n\n") + "}"), "a");
  EXPECT_EQ(text("${file:" +
                 write("mark",
                       "\xef\xbb\xbf"
                       "a") +
                 "}"),
            "a");
  EXPECT_EQ(text("${file:" + write("bare", "a") + "}"), "a");
  EXPECT_EQ(text("${file:" + write("empty", "") + "}"), "");
  EXPECT_EQ(text("${file:" + write("full", std::string(65536, 'x')) + "}").size(), 65536u);
}

TEST_F(Expand, SaysWhyAFileIsNotRead) {
  EXPECT_NE(error("${file:relative}").find("absolute path"), std::string::npos);
  EXPECT_NE(error("${file:" + (directory_ / "none").string() + "}").find("} is not there"),
            std::string::npos);
  EXPECT_NE(error("${file:" + directory_.string() + "}").find("} is a directory"),
            std::string::npos);
  const auto large = write("large", std::string(64 * 1024 + 1, 'x'));
  EXPECT_NE(error("${file:" + large + "}").find("larger than 64KiB"), std::string::npos);
}

TEST_F(Expand, APipeIsNotReadForAValue) {
  const auto pipe = std::filesystem::path(::testing::TempDir()) / "tracelink-expand-pipe";
  std::filesystem::remove(pipe);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(error("${file:" + pipe.string() + "}").find("is a pipe or a socket"),
            std::string::npos);
  std::filesystem::remove(pipe);
}

}  // namespace
}  // namespace tracelink
