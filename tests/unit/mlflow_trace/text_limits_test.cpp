#include "daemon/mlflow/trace/text_limits.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using namespace std::string_view_literals;

std::string repeated(std::string_view character, std::size_t n) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) text.append(character);
  return text;
}

TEST(TextLimits, CountsCharactersNotBytes) {
  for (const std::string_view character : {"a", "é", "☃", "\U0001f600"}) {
    EXPECT_EQ(first_code_points(repeated(character, 250), 250), repeated(character, 250));
    EXPECT_EQ(first_code_points(repeated(character, 251), 250), repeated(character, 250));
  }
  EXPECT_EQ(first_code_points("aé", 0), "");
  EXPECT_EQ(first_code_points("", 5), "");
}

TEST(TextLimits, DotsReplaceTheLastThreeCharactersThatFit) {
  EXPECT_EQ(cut_with_dots(repeated("é", 250), 250), repeated("é", 250));
  EXPECT_EQ(cut_with_dots(repeated("é", 251), 250), repeated("é", 247) + "...");
}

TEST(TextLimits, NulBecomesTheReplacementCharacter) {
  EXPECT_EQ(without_nul("\0a\0\0b\0"sv), "\uFFFDa\uFFFD\uFFFDb\uFFFD");
  EXPECT_EQ(without_nul("none"), "none");
  EXPECT_EQ(without_nul(""), "");
}

TEST(TextLimits, AColumnTakesCutTextWithoutNul) { EXPECT_EQ(fit_column("a\0bc"sv, 3), "a\uFFFDb"); }

}  // namespace
}  // namespace tracelink
