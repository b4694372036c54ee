#include "daemon/cli/section_text.hpp"

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

TEST(LineEnd, IsAtTheLastSpaceThatFits) {
  struct Case {
    const char* text;
    std::size_t columns, end;
  };
  for (const Case& c : {Case{"", 5, 0},
                        {"a bc", 4, 4},
                        {"a bcd", 4, 1},
                        {"a b cd", 4, 3},
                        {"a b c", 1, 1},
                        {"longer than", 4, 6},
                        {"longer", 4, 6},
                        {"\u00e9\u00e9 \u00e9\u00e9", 5, 9},
                        {"\u00e9\u00e9 \u00e9\u00e9", 4, 4}}) {
    EXPECT_EQ(line_end(c.text, c.columns), c.end) << c.text << " in " << c.columns;
  }
}

TEST(SectionText, WrapsValuesBehindTheirLabels) {
  SectionText text({.columns = 40, .colour = false});
  text.section("Queue");
  text.field("spans", "accepted 10 = delivered 4 + queued 6");
  text.below("a-long-path-that-is-never-cut-in-two and more");
  EXPECT_EQ(text.text(),
            "Queue\n"
            "  spans           accepted 10 =\n"
            "                  delivered 4 + queued 6\n"
            "                  a-long-path-that-is-never-cut-in-two\n"
            "                  and more\n");
}

TEST(SectionText, WrapsNothingWithoutAWidth) {
  SectionText text({});
  text.title("tracelinkd 1.0");
  text.field("reason", std::string(200, 'x') + " y");
  EXPECT_EQ(text.text(), "tracelinkd 1.0\n  reason          " + std::string(200, 'x') + " y\n");
}

TEST(SectionText, ASectionWithoutLinesIsMissing) {
  SectionText text({});
  text.section("Held");
  text.section("Places");
  text.field("state", "/s");
  EXPECT_EQ(text.text(), "Places\n  state           /s\n");
}

TEST(SectionText, ColoursHeadingsAndStatesOnly) {
  SectionText text({.columns = 80, .colour = true});
  text.section("Delivery");
  text.field("server", "down  http://h", Tone::bad);
  text.field("last", "none");
  EXPECT_EQ(text.text(),
            "\x1b[1mDelivery\x1b[0m\n"
            "  server          \x1b[31mdown\x1b[0m  http://h\n"
            "  last            none\n");
}

TEST(SectionText, NobodyElseDrivesTheTerminal) {
  SectionText text({.columns = 80, .colour = true});
  text.field("reason", "\x1b[2J\nforged");
  EXPECT_EQ(text.text(), "  reason          \\x1b[2J\\nforged\n");
}

}  // namespace
}  // namespace tracelink::cli
