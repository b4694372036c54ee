#include "config/yaml_mistakes.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

std::string found(std::string_view text) {
  const auto mistake = usual_mistake(text);
  if (!mistake) return "";
  return std::to_string(mistake->line) + ":" + std::to_string(mistake->column) + " " +
         mistake->message.substr(0, mistake->message.find_first_of(":;"));
}

TEST(UsualMistake, IsATabInTheIndentation) {
  EXPECT_EQ(found("log:\n\tlevel: info\n"), "2:1 a tab in the indentation");
  EXPECT_EQ(found("log:\n  \tlevel: info\n"), "2:3 a tab in the indentation");
  EXPECT_EQ(found("log:\n\t\n  level:\tinfo\n"), "") << "elsewhere a tab is a blank";
}

TEST(UsualMistake, IsAQuoteThatIsNotClosedOnItsLine) {
  EXPECT_EQ(found("model:\n  name: \"agent\n"), "2:9 the quote \" is not closed on its line");
  EXPECT_EQ(found("a: 'it''s\n"), "1:4 the quote ' is not closed on its line");
  EXPECT_EQ(found("a: {b: \"x\", c: 'y}\n"), "1:16 the quote ' is not closed on its line");
  EXPECT_EQ(found("a: \"x\\\"\n"), "1:4 the quote \" is not closed on its line");
}

TEST(UsualMistake, IsABracketThatIsNotClosed) {
  EXPECT_EQ(found("model:\n  tags: {a: b\nqueue: {}\n"), "2:9 the { is not closed by a }");
  EXPECT_EQ(found("a: [1,\n  2\n"), "1:4 the [ is not closed by a ]");
  EXPECT_EQ(found("a: {b: [1, 2}\n"), "1:8 the [ is not closed by a ]");
  EXPECT_EQ(found("a: [']', \"]\" # ]\n"), "1:4 the [ is not closed by a ]");
  for (const char* text :
       {"a: [1,\n  2]\n", "a: {b: [1], c: {}}\n", "a: x[0\n", "a: ${NAME\n", "a: ]\n", "# [\n",
        "a: '['\n", "a: |\n  [ in a block\n", "- [a, {b: c}]\n"}) {
    EXPECT_EQ(found(text), "") << text;
  }
}

TEST(UsualMistake, IsNotWhatMayBeInAText) {
  for (const char* text :
       {"a: Rock, 'n roll\n", "a: it's\n", "a: 5\" disk\n", "# don't\n", "a: b # it's\n",
        "a: 'it''s'\n", "a: \"x\\\"y\"\n", "- \"a\"\n- 'b'\n", "\"a\": b", ""}) {
    EXPECT_EQ(found(text), "") << text;
  }
}

TEST(NeverClosed, IsAQuoteWithoutAnother) {
  const auto place = [](std::string_view text) {
    const auto mistake = quote_never_closed(text);
    return mistake ? std::to_string(mistake->line) + ":" + std::to_string(mistake->column) : "";
  };
  EXPECT_EQ(place("a: 'x'\nb:\n  c: \"d\n  e: f\n"), "3:6");
  EXPECT_EQ(place("a: \"long\n  text\"\nb: 'c'\n"), "") << "a text may have two lines";
  EXPECT_EQ(place("a: |\n  \"said\n"), "") << "in a block a quote is none";
  EXPECT_EQ(place("a: | # Markdown\n  'tis\n"), "") << "a comment hides no block";
  EXPECT_EQ(place("a: Rock, 'n roll\n"), "") << "a comma divides only in brackets";
  EXPECT_EQ(place("a: [1, 'n]\n"), "1:8");
}

}  // namespace
}  // namespace tracelink
