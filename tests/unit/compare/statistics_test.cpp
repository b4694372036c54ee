#include "daemon/compare/statistics.hpp"

#include <numeric>

#include <gtest/gtest.h>

namespace tracelink::compare {
namespace {

std::vector<double> from(double first, std::size_t count) {
  std::vector<double> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

// The values are those of pandas.Series.quantile.
TEST(Statistics, QuantilesAreInterpolated) {
  const std::vector<double> values{1, 2, 3, 10};
  EXPECT_DOUBLE_EQ(quantile(values, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(values, 0.95), 8.95);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 10);
  EXPECT_DOUBLE_EQ(quantile(std::vector<double>{7}, 0.99), 7);
}

// The values are those of scipy.stats.fisher_exact.
TEST(Statistics, FishersExactTest) {
  const auto p = [](std::size_t a, std::size_t n_a, std::size_t b, std::size_t n_b) {
    return fisher_exact_p({a, n_a}, {b, n_b}).value();
  };
  EXPECT_NEAR(p(8, 10, 1, 6), 0.034965034965034975, 1e-12);
  EXPECT_NEAR(p(3, 3, 0, 3), 0.1, 1e-12);
  EXPECT_NEAR(p(10, 1000, 30, 1000), 0.0020083335618300093, 1e-12);
  EXPECT_NEAR(p(500, 100'000, 600, 100'000), 0.0027444921195057125, 1e-9);
  EXPECT_NEAR(p(0, 10, 0, 10), 1, 1e-12);
  EXPECT_EQ(fisher_exact_p({0, 0}, {1, 2}), std::nullopt);
}

// The values are those of scipy.stats.mannwhitneyu with method="asymptotic".
TEST(Statistics, MannAndWhitneysTest) {
  const std::vector<double> x{19, 22, 16, 29, 24, 31, 18, 40};
  const std::vector<double> y{20, 11, 17, 12, 22, 22, 9, 15, 22};
  EXPECT_NEAR(mann_whitney_p(x, y).value(), 0.04203001651653077, 1e-12);
  EXPECT_NEAR(mann_whitney_p(y, x).value(), 0.04203001651653077, 1e-12);
  EXPECT_NEAR(mann_whitney_p(from(0, 100), from(5, 100)).value(), 0.23405708976335837, 1e-12);
  EXPECT_NEAR(mann_whitney_p(from(0, 100), from(50, 100)).value(), 5.110578235277606e-20, 1e-30);
}

TEST(Statistics, EqualValuesAreNoDifferenceAndFewAreNotCompared) {
  const std::vector<double> ones(10, 1), few(kLeastForMannWhitney - 1, 2);
  EXPECT_EQ(mann_whitney_p(ones, ones), 1.0);
  EXPECT_EQ(mann_whitney_p(ones, few), std::nullopt);
  EXPECT_EQ(mann_whitney_p({}, ones), std::nullopt);
}

TEST(Statistics, HolmsAdjustmentKeepsTheOrderAndNeverExceedsOne) {
  const std::vector<double> adjusted = holm_adjusted(std::vector<double>{0.01, 0.04, 0.03, 0.9});
  EXPECT_DOUBLE_EQ(adjusted[0], 0.04);
  EXPECT_DOUBLE_EQ(adjusted[2], 0.09);
  EXPECT_DOUBLE_EQ(adjusted[1], 0.09);
  EXPECT_DOUBLE_EQ(adjusted[3], 0.9);
  EXPECT_TRUE(holm_adjusted({}).empty());
}

}  // namespace
}  // namespace tracelink::compare
