#include "daemon/text/blanks.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(Blanks, AreCutAtBothEnds) {
  EXPECT_EQ(without_blank_ends(" \t a b \v\f\r\n\n"), "a b");
  EXPECT_EQ(without_blank_ends("\xef\xbb\xbf"
                               "a"),
            "a");
  EXPECT_EQ(without_blank_ends(" \r\n"), "");
  EXPECT_EQ(without_blank_ends(""), "");
}

TEST(Blanks, AreWhatACopyFromAPageBringsAlong) {
  for (const char* blank : {"\u0085", "\u00a0", "\u2003", "\u200b", "\u200e", "\u2028", "\u202a",
                            "\u202f", "\u205f", "\u2060", "\u2066", "\u3000", "\ufeff"}) {
    const std::string text = std::string(blank) + "agent" + blank + " " + blank + "\n";
    EXPECT_EQ(without_blank_ends(text), "agent") << text;
    EXPECT_EQ(without_blank_ends(blank), "");
  }
}

TEST(Blanks, InsideAndWhatIsSeenStay) {
  for (const char* text : {"a\u00a0b", "\u00e9t\u00e9", "\u2019a\u2026", "\u3001a\u3001",
                           "\U0001f600", "\u00c2", "\xa0", "\xc2", "\xe2\x80"}) {
    EXPECT_EQ(without_blank_ends(text), text);
  }
}

TEST(Blanks, OfAsciiAloneAreTrimmed) {
  EXPECT_EQ(trimmed(" \t a b \v\f\r\n\n"), "a b");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed(" \r\n"), "");
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed(" \u00a0a\u00a0 "), "\u00a0a\u00a0");
}

}  // namespace
}  // namespace tracelink
