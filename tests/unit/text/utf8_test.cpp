#include "daemon/text/utf8.hpp"

#include <gtest/gtest.h>

#include "daemon/text/hex.hpp"

namespace tracelink {
namespace {

constexpr char kMark[] = "\xef\xbf\xbd";

struct Utf8Case {
  std::string text, valid;
  std::size_t replaced;
};

TEST(Utf8, IsToldFromWhatIsIllFormed) {
  for (const char* valid : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                            "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_valid_utf8(valid)) << to_hex(valid);
  }
  for (const char* wrong :
       {"\x80", "\xff", "\xc0\xaf", "\xc3", "\xc3(", "\xe0\x80\xaf", "\xe2\x82", "\xed\xa0\x80",
        "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80"}) {
    EXPECT_FALSE(is_valid_utf8(wrong)) << to_hex(wrong);
  }
}

TEST(TextRepair, ReplacesEachIllFormedPartOfUtf8) {
  const std::string mark = kMark;
  const Utf8Case table[] = {
      {"", "", 0},
      {"a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 0},
      {"a\xc3(", "a" + mark + "(", 1},
      {"\xe2\x82", mark, 1},             // cut inside a character
      {"\xf0\x9f\x98(", mark + "(", 1},  // the same
      {"\xff\xfe", mark + mark, 2},      // no lead bytes
      {"\xc0\x80", mark + mark, 2},      // overlong
      {"\xe0\x80\x80", mark + mark + mark, 3},
      {"\xf4\x90\x80\x80", mark + mark + mark + mark, 4},  // beyond U+10FFFF
      {"x\xed\xa0\xbdy", "x" + mark + "y", 1},             // a surrogate
  };
  for (const auto& [text, valid, replaced] : table) {
    std::size_t count = 0;
    EXPECT_EQ(with_valid_utf8(text, 100, count), valid);
    EXPECT_EQ(count, replaced) << valid;
  }
}

TEST(TextRepair, StopsWhereTheTextGrowsOverTheLimit) {
  std::size_t count = 0;
  EXPECT_EQ(with_valid_utf8(std::string(1000, '\xff'), 10, count).size(), 12u);
}

TEST(TextRepair, ReplacesOnlyHalvesOfSurrogatePairs) {
  const std::pair<const char*, const char*> table[] = {
      {R"({"a":"\ud83e"})", R"({"a":"\ufffd"})"},
      {R"("\uDD14!")", R"("\ufffd!")"},
      {R"("\ud83e\udd14")", R"("\ud83e\udd14")"},
      {R"("\ud83e\ud83e\udd14")", R"("\ufffd\ud83e\udd14")"},
      {R"("\udd14\ud83e")", R"("\ufffd\ufffd")"},
      {R"("\ud83e\n\udd14")", R"("\ufffd\n\ufffd")"},
      {R"("\\ud83e")", R"("\\ud83e")"},  // an escaped backslash
      {R"("\\\ud83e")", R"("\\\ufffd")"},
      {R"("\u00e4\ud7ff\ue000")", R"("\u00e4\ud7ff\ue000")"},
      {R"("\ud8)", R"("\ud8)"},  // not JSON, and stays so
      {"\"\\", "\"\\"},
  };
  for (const auto& [json, repaired] : table) {
    std::string text = json;
    const std::size_t replaced = replace_lone_surrogates(text);
    EXPECT_EQ(replaced > 0, text != json);
    EXPECT_EQ(text, repaired);
  }
  std::string two = R"("\ud83e\ud83e")";
  EXPECT_EQ(replace_lone_surrogates(two), 2u);
}

TEST(ReplaceNulEscapes, LeavesWhatOnlyLooksLikeOne) {
  std::string text = R"(["a\u0000b\u0000", "\\u0000", "\u00001", "\u000", "\\\u0000\)";
  EXPECT_EQ(replace_nul_escapes(text), 4u);
  EXPECT_EQ(text, R"(["a\ufffdb\ufffd", "\\u0000", "\ufffd1", "\u000", "\\\ufffd\)");
}

TEST(CutText, EndsOnACharacterBoundary) {
  EXPECT_EQ(cut_text("abc", 3), "abc");
  EXPECT_EQ(cut_text("abc", 2), "ab");
  EXPECT_EQ(cut_text("a€b", 4), "a€");
  EXPECT_EQ(cut_text("a€b", 3), "a");
  EXPECT_EQ(cut_text("€", 2), "");
  EXPECT_EQ(cut_text("", 0), "");
}

}  // namespace
}  // namespace tracelink
