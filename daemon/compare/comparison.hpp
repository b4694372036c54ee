#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/compare/figures.hpp"

namespace tracelink::compare {

// A difference is called more than chance below this, after Holm's adjustment for all the tests of
// the comparison.
inline constexpr double kSignificance = 0.05;

struct Version {
  LoggedModel model;
  Samples samples;
  ErrorMessages errors;
  Figures figures = {};  // filled by compare()
};

struct ChanceTest {
  std::string_view name;  // "fisher_exact" or "mann_whitney_u"
  double p = 1, p_adjusted = 1;
  bool is_significant() const { return p_adjusted < kSignificance; }
};

// To the first version, the baseline.
struct Difference {
  double difference = 0;
  std::optional<double> ratio;  // nothing: the baseline's figure is 0
  std::optional<ChanceTest> test;
};

struct Cell {
  std::optional<double> value;
  std::optional<Difference> to_baseline;  // nothing: the baseline itself, or one has no value
};

// A figure of every version.
struct Row {
  std::string name, label;
  Unit unit = Unit::count;
  bool is_detail = false;
  std::vector<Cell> cells;  // one a version
};

// A key whose value is not the same in all versions; a value that is absent is nothing.
using Differing = std::map<std::string, std::vector<std::optional<std::string>>>;

struct Comparison {
  std::vector<Version> versions;
  std::vector<Row> rows;
  Differing params, tags;  // of tags, those that tracelink sets itself are left out
};

// Precondition: at least two versions; the first is the baseline.
Comparison compare(std::vector<Version> versions);

}  // namespace tracelink::compare
