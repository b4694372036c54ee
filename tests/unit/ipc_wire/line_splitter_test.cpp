#include "ipc/wire/line_splitter.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

// Feeds everything and returns the lines; "!" for one that was over the limit.
std::vector<std::string> lines_of(LineSplitter& splitter, std::string_view bytes) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    bytes.remove_prefix(splitter.feed(bytes));
    if (auto line = splitter.next()) lines.push_back(*line ? **line : "!");
  }
  return lines;
}

TEST(LineSplitter, CutsAtNewlinesWhereverThePiecesEnd) {
  const std::string text = "one\r\n\n \t\ntwo\nthree\n";
  const std::vector<std::string> expected{"one", "two", "three"};
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    LineSplitter splitter(10);
    auto lines = lines_of(splitter, std::string_view(text).substr(0, cut));
    for (auto& line : lines_of(splitter, std::string_view(text).substr(cut))) {
      lines.push_back(std::move(line));
    }
    EXPECT_EQ(lines, expected) << cut;
    EXPECT_FALSE(splitter.inside_line());
  }
}

TEST(LineSplitter, DropsALineOverTheLimitAloneAndKeepsNothingOfIt) {
  LineSplitter splitter(3);
  EXPECT_TRUE(lines_of(splitter, "12345678").empty());
  EXPECT_EQ(splitter.buffered_bytes(), 0u);
  EXPECT_TRUE(splitter.inside_line());
  EXPECT_EQ(lines_of(splitter, "9\nabc\n"), (std::vector<std::string>{"!", "abc"}));
}

TEST(LineSplitter, SkipsTheRestOfALine) {
  LineSplitter splitter(100);
  EXPECT_TRUE(lines_of(splitter, "begin").empty());
  splitter.skip_line();
  EXPECT_EQ(lines_of(splitter, " end\nnext\n"), std::vector<std::string>{"next"});
}

TEST(LineSplitter, FinishEndsTheLastLine) {
  LineSplitter splitter(100);
  EXPECT_TRUE(lines_of(splitter, "last").empty());
  splitter.finish();
  const auto line = splitter.next();
  ASSERT_TRUE(line && *line);
  EXPECT_EQ(**line, "last");
}

}  // namespace
}  // namespace tracelink
