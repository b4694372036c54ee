#include "daemon/compare/comparison.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "daemon/compare/report.hpp"
#include "tests/unit/compare/versions.hpp"

namespace tracelink::compare {
namespace {

const Row& row(const Comparison& comparison, const std::string& name) {
  const auto found = std::ranges::find(comparison.rows, name, &Row::name);
  EXPECT_NE(found, comparison.rows.end()) << name;
  return *found;
}

TEST(Comparison, DifferencesAreToTheFirst) {
  const Comparison comparison =
      compare({version_with_errors("a", 10, 1), version_with_errors("b", 10, 3)});
  const Row& rate = row(comparison, "error_rate");
  EXPECT_FALSE(rate.cells[0].to_baseline);
  ASSERT_TRUE(rate.cells[1].to_baseline);
  EXPECT_DOUBLE_EQ(rate.cells[1].to_baseline->difference, 0.3 - 0.1);
  EXPECT_DOUBLE_EQ(rate.cells[1].to_baseline->ratio.value(), 0.3 / 0.1);
}

TEST(Comparison, AZeroHasNoRatioAndAMissingFigureNoDifference) {
  const Comparison comparison = compare(
      {version_with_errors("a", 10, 0), version_with_errors("b", 10, 3), version_of("c", {})});
  EXPECT_EQ(row(comparison, "errors").cells[1].to_baseline->ratio, std::nullopt);
  EXPECT_FALSE(row(comparison, "error_rate").cells[2].value);
  EXPECT_FALSE(row(comparison, "error_rate").cells[2].to_baseline);
}

TEST(Comparison, ManyTracesTellChanceFromDifference) {
  const Comparison comparison =
      compare({version_with_errors("a", 1000, 10), version_with_errors("b", 1000, 60)});
  const ChanceTest& test = row(comparison, "error_rate").cells[1].to_baseline->test.value();
  EXPECT_EQ(test.name, "fisher_exact");
  EXPECT_TRUE(test.is_significant());
  EXPECT_GT(test.p_adjusted, test.p);
  const ChanceTest& latency = row(comparison, "latency_p50_ms").cells[1].to_baseline->test.value();
  EXPECT_EQ(latency.name, "mann_whitney_u");
  EXPECT_FALSE(latency.is_significant());
}

TEST(Comparison, FiguresOfLaterVersionsStandWhereTheyBelong) {
  const Comparison comparison = compare(
      {version_of("a", {rated("z", 1.0)}), version_of("b", {rated("b", true), rated("z", 2.0)})});
  const auto place = [&](const std::string& name) {
    return std::ranges::find(comparison.rows, name, &Row::name) - comparison.rows.begin();
  };
  EXPECT_GT(place("pass_rate:b"), place("users"));
  EXPECT_LT(place("pass_rate:b"), place("mean:z"));
  EXPECT_FALSE(row(comparison, "pass_rate:b").cells[0].value);
}

TEST(Comparison, ValuesByOneSourceAreADetail) {
  const auto comparison = [](const std::string& second) {
    return compare({version_of("a", {rated("x", 1.0, "HUMAN")}),
                    version_of("b", {rated("x", 2.0, "HUMAN"), rated("x", 2.0, second)})});
  };
  EXPECT_TRUE(row(comparison("HUMAN"), "mean.human:x").is_detail);
  EXPECT_FALSE(row(comparison("CODE"), "mean.human:x").is_detail);
  EXPECT_FALSE(row(comparison("HUMAN"), "mean:x").is_detail);
}

TEST(Comparison, ParamsAndTagsThatDiffer) {
  Version a = version_of("a", {}), b = version_of("b", {});
  a.model.params = {{"llm", "x"}, {"same", "1"}};
  b.model.params = {{"llm", "y"}, {"same", "1"}, {"new", ""}};
  b.model.tags = {{"tracelink.instance", "i"}, {"team", "t"}};
  const Comparison comparison = compare({std::move(a), std::move(b)});
  using Values = std::vector<std::optional<std::string>>;
  EXPECT_EQ(comparison.params, (Differing{{"llm", Values{"x", "y"}}, {"new", Values{{}, ""}}}));
  EXPECT_EQ(comparison.tags, (Differing{{"team", Values{{}, "t"}}}));
}

TEST(Report, HasFiguresDifferencesAndConditions) {
  const Comparison comparison = compare(
      {version_with_errors("a", 10, 0), version_with_errors("b", 10, 5), version_of("c", {})});
  const auto verdicts = judge(*parse_condition("error_rate > 0.1"), comparison);
  const nlohmann::ordered_json report = report_of(comparison, verdicts);
  EXPECT_EQ(report["baseline"], "m-a");
  EXPECT_EQ(report["models"][1]["figures"]["error_rate"], 0.5);
  EXPECT_TRUE(report["models"][2]["figures"]["error_rate"].is_null());
  EXPECT_TRUE(report["models"][0]["differences"].is_null());
  EXPECT_EQ(report["models"][1]["differences"]["error_rate"]["test"]["name"], "fisher_exact");
  EXPECT_TRUE(report["models"][1]["differences"]["error_rate"]["ratio"].is_null());
  EXPECT_EQ(report["conditions"][0]["outcome"], "holds");
  EXPECT_EQ(report["conditions"][1]["outcome"], "unknown");
}

}  // namespace
}  // namespace tracelink::compare
