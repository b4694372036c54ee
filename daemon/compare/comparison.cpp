#include "daemon/compare/comparison.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "daemon/types/reserved_tags.hpp"

namespace tracelink::compare {
namespace {

using Texts = std::map<std::string, std::string>;

const Figure* find(const Figures& figures, std::string_view name) {
  const auto found = std::ranges::find(figures, name, &Figure::name);
  return found == figures.end() ? nullptr : &*found;
}

// The figures that any version has, each once, in the order that they have in a version.
std::vector<Row> all_rows(const std::vector<Version>& versions) {
  std::vector<Row> rows;
  for (const Version& version : versions) {
    auto next = rows.begin();
    for (const Figure& figure : version.figures) {
      auto row = std::ranges::find(rows, figure.name, &Row::name);
      if (row == rows.end()) {
        row = rows.insert(next, {figure.name, figure.label, figure.unit, true, {}});
      }
      row->is_detail = row->is_detail && figure.is_detail;
      next = row + 1;
    }
  }
  return rows;
}

std::optional<ChanceTest> test_of(const Figure* figure, const Figure* baseline) {
  if (figure == nullptr || baseline == nullptr) return std::nullopt;
  if (figure->proportion && baseline->proportion) {
    const auto p = fisher_exact_p(*figure->proportion, *baseline->proportion);
    return p ? std::optional(ChanceTest{"fisher_exact", *p}) : std::nullopt;
  }
  const auto p = mann_whitney_p(figure->distribution, baseline->distribution);
  return p ? std::optional(ChanceTest{"mann_whitney_u", *p}) : std::nullopt;
}

Cell cell_of(const std::string& name, const Version& version, const Version& baseline) {
  Cell cell{value_of(version.figures, version.samples, name), std::nullopt};
  const auto base = value_of(baseline.figures, baseline.samples, name);
  if (&version == &baseline || !cell.value || !base) return cell;
  cell.to_baseline = Difference{*cell.value - *base,
                                *base == 0 ? std::nullopt : std::optional(*cell.value / *base),
                                test_of(find(version.figures, name), find(baseline.figures, name))};
  return cell;
}

// A figure that is left out of tables repeats another or has nothing to compare.
std::vector<ChanceTest*> tests_in(std::vector<Row>& rows) {
  std::vector<ChanceTest*> tests;
  for (Row& row : rows) {
    for (Cell& cell : row.cells) {
      if (!cell.to_baseline) continue;
      if (row.is_detail) cell.to_baseline->test.reset();
      if (cell.to_baseline->test) tests.push_back(&*cell.to_baseline->test);
    }
  }
  return tests;
}

void adjust(std::vector<Row>& rows) {
  const std::vector<ChanceTest*> tests = tests_in(rows);
  std::vector<double> p_values;
  p_values.reserve(tests.size());
  for (const ChanceTest* test : tests) p_values.push_back(test->p);
  const std::vector<double> adjusted = holm_adjusted(p_values);
  for (std::size_t i = 0; i < tests.size(); ++i) tests[i]->p_adjusted = adjusted[i];
}

std::optional<std::string> value_in(const Texts& texts, const std::string& key) {
  const auto found = texts.find(key);
  return found == texts.end() ? std::nullopt : std::optional(found->second);
}

Differing differing(const std::vector<Version>& versions, Texts LoggedModel::* texts) {
  std::set<std::string> keys;
  for (const Version& version : versions) {
    for (const auto& [key, value] : version.model.*texts) keys.insert(key);
  }
  Differing result;
  for (const std::string& key : keys) {
    std::vector<std::optional<std::string>> values;
    values.reserve(versions.size());
    for (const Version& version : versions) values.push_back(value_in(version.model.*texts, key));
    const bool is_same = std::ranges::count(values, values.front()) == std::ssize(values);
    if (!is_same && !is_reserved_tag(key)) result.emplace(key, std::move(values));
  }
  return result;
}

}  // namespace

Comparison compare(std::vector<Version> versions) {
  Comparison comparison;
  for (Version& version : versions) version.figures = figures_of(version.samples);
  comparison.rows = all_rows(versions);
  for (Row& row : comparison.rows) {
    for (const Version& version : versions) {
      row.cells.push_back(cell_of(row.name, version, versions.front()));
    }
  }
  adjust(comparison.rows);
  comparison.params = differing(versions, &LoggedModel::params);
  comparison.tags = differing(versions, &LoggedModel::tags);
  comparison.versions = std::move(versions);
  return comparison;
}

}  // namespace tracelink::compare
