#include "daemon/compare/table.hpp"

#include <sstream>

#include <gtest/gtest.h>

#include "daemon/compare/format.hpp"
#include "tests/unit/compare/versions.hpp"

namespace tracelink::compare {
namespace {

std::vector<std::string> lines_of(const Comparison& comparison) {
  std::istringstream text(table_of(comparison));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

TEST(Table, ShowsValuesAndDifferences) {
  const auto lines =
      lines_of(compare({version_with_errors("a", 1000, 10), version_with_errors("b", 1000, 60)}));
  EXPECT_EQ(lines[0], "A  a                        m-a");
  EXPECT_EQ(lines[3], "                            A       B");
  EXPECT_EQ(lines[4], "traces                   1000    1000        =");
  EXPECT_EQ(lines[6], "error rate               1.0%    6.0%  +5.0pp*");
  EXPECT_EQ(lines[8], "latency p50            1.00 s  1.00 s        =");
}

TEST(Table, EightVersionsFitEightyColumns) {
  std::vector<Version> versions;
  for (int i = 0; i < 8; ++i) {
    Version version =
        version_of("a version with quite a long name " + std::to_string(i) + " 漢字漢字漢字",
                   {rated("an assessment whose name is far longer than its column", 0.123)});
    version.model.params["prompt"] = std::string(200, 'x') + std::to_string(i);
    version.errors = count_messages({std::string(300, 'y')}, 0);
    versions.push_back(std::move(version));
  }
  std::size_t headings = 0;
  for (const std::string& line : lines_of(compare(std::move(versions)))) {
    EXPECT_LE(columns_of(line), 80u) << line;
    headings += line.starts_with("       ") && line.find(" A ") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(headings, 3u);
}

TEST(Table, ControlCharactersAreShown) {
  Version a = version_of("a\x1b[2J", {rated("na\nme", std::string("te\x1bxt"))});
  a.model.params["k\x07"] = "v\r";
  a.errors = count_messages({"bad\x1b[31m"}, 0);
  const std::string table = table_of(compare({std::move(a), version_of("b", {})}));
  EXPECT_EQ(table.find_first_of("\x1b\x07\r"), std::string::npos);
  EXPECT_NE(table.find("a\\x1b[2J"), std::string::npos);
}

TEST(Table, LimitsThatWereReachedAreTold) {
  Version a = version_of("a", {});
  a.samples.is_cut = true;
  const std::string table = table_of(compare({std::move(a), version_of("b", {})}));
  EXPECT_NE(table.find("a: only the newest 200000 traces were read"), std::string::npos);
  EXPECT_NE(table.find("No difference is more than chance"), std::string::npos);
}

}  // namespace
}  // namespace tracelink::compare
