#include "daemon/text/visible_text.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using std::string_literals::operator""s;

TEST(VisibleText, OrdinaryTextStaysAsItIs) {
  const std::string text = "agent v1.0 \"große\" \\ 日本 👩‍🚀 عربي";
  EXPECT_EQ(visible_text(text), text);
}

TEST(VisibleText, ControlCharactersAreShown) {
  EXPECT_EQ(visible_text("a\n\r\tb"), "a\\n\\r\\tb");
  EXPECT_EQ(visible_text("\x1b[31m\x07\x7f"), "\\x1b[31m\\x07\\x7f");
  EXPECT_EQ(visible_text("\0x"s), "\\x00x");
}

TEST(VisibleText, ControlCharactersBeyondAsciiAreShown) {
  EXPECT_EQ(visible_text("\xc2\x80 \xc2\x9b"
                         "31m \xc2\x85 \xc2\x9f"),
            "\\u0080 \\u009b31m \\u0085 \\u009f");
  EXPECT_EQ(visible_text("\u2028\u2029"), "\\u2028\\u2029");
  EXPECT_EQ(visible_text("\u202a\u202b\u202c\u202d\u202e"), "\\u202a\\u202b\\u202c\\u202d\\u202e");
  EXPECT_EQ(visible_text("\u2066\u2067\u2068\u2069"), "\\u2066\\u2067\\u2068\\u2069");
  EXPECT_EQ(visible_text("\u200e\u200f\u061c"), "\\u200e\\u200f\\u061c");
  EXPECT_EQ(visible_text("\u00a0\u202f\u2027\u2030"), "\u00a0\u202f\u2027\u2030");
}

TEST(VisibleText, BytesThatAreNotUtf8AreShown) {
  EXPECT_EQ(visible_text("\x9b"
                         "31m"),
            "\\x9b31m")
      << "C1 as one byte";
  EXPECT_EQ(visible_text("\xc0\x8a"), "\\xc0\\x8a") << "a line break, overlong";
  EXPECT_EQ(visible_text("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(visible_text("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "over U+10FFFF";
  EXPECT_EQ(visible_text("x\xe2\x82"), "x\\xe2\\x82") << "cut";
}

TEST(VisibleText, AQuotedTextEndsAtItsOwnQuote) {
  EXPECT_EQ(quoted_text("a\" remedy=\"b\\\n"), "\"a\\\" remedy=\\\"b\\\\\\n\"");
}

TEST(VisibleText, NoFurtherLineBeginsAsAMessage) {
  EXPECT_EQ(visible_lines("first\nerror: \x1b\n  indented\n\nlast\n"),
            "first\n  error: \\x1b\n  indented\n\n  last\n");
}

TEST(VisibleText, JsonStaysTheSameJson) {
  EXPECT_EQ(visible_json("{\n  \"a\": \"\x7f\u202e\xc2\x9b日\xff\"\n}"),
            "{\n  \"a\": \"\\u007f\\u202e\\u009b日\uFFFD\"\n}");
}

}  // namespace
}  // namespace tracelink
