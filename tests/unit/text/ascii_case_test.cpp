#include "daemon/text/ascii_case.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(AsciiCase, IsIgnoredInLettersAlone) {
  EXPECT_TRUE(equal_ignoring_case("Content-LENGTH", "content-length"));
  EXPECT_TRUE(equal_ignoring_case("", ""));
  EXPECT_FALSE(equal_ignoring_case("content-length", "content-lengths"));
  EXPECT_FALSE(equal_ignoring_case("@[", "`{"));
  EXPECT_FALSE(equal_ignoring_case("\xc3\x84", "\xc3\xa4")) << "U+00C4 and U+00E4";
}

TEST(AsciiCase, AWordIsFoundInAnyCase) {
  EXPECT_TRUE(contains_ignoring_case("llm.TokenCount", "token"));
  EXPECT_TRUE(contains_ignoring_case("USAGE", "usage"));
  EXPECT_TRUE(contains_ignoring_case("", ""));
  EXPECT_FALSE(contains_ignoring_case("toke", "token"));
}

TEST(AsciiCase, LowerCaseLeavesWhatIsNoLetterOfAscii) {
  EXPECT_EQ(lower_case("A-Z@[ Ã"), "a-z@[ Ã");
}

}  // namespace
}  // namespace tracelink
