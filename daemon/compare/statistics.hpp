#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

// Pure statistics, with the results of numpy, pandas and scipy. Threads: any.
namespace tracelink::compare {

// The quantile by linear interpolation between order statistics: pandas' and numpy's default,
// method 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996).
// Precondition: `sorted` is not empty; 0 <= q <= 1.
double quantile(std::span<const double> sorted, double q);

// Precondition: not empty.
double mean(std::span<const double> values);

// So many of so many.
struct Proportion {
  std::size_t yes = 0, all = 0;
};

// Fisher's exact test of two proportions, two-sided: the probability, were both drawn alike, of a
// table that is at most as probable as this one (R. A. Fisher, "On the interpretation of χ² from
// contingency tables", 1922; scipy.stats.fisher_exact). Nothing if either is of none.
std::optional<double> fisher_exact_p(const Proportion& a, const Proportion& b);

// The least number of values on each side that the normal approximation below is used for.
inline constexpr std::size_t kLeastForMannWhitney = 8;

// The Mann-Whitney U test, two-sided, by the normal approximation with corrections for ties and for
// continuity (H. B. Mann and D. R. Whitney, 1947; scipy.stats.mannwhitneyu, method "asymptotic"):
// whether values of one side tend to be larger. It supposes no distribution, which is why latencies
// can be compared by it. Nothing with fewer than kLeastForMannWhitney values on a side.
std::optional<double> mann_whitney_p(std::span<const double> a, std::span<const double> b);

// The p values adjusted for being many, by Holm's step-down method (S. Holm, 1979), in their order:
// among all that are then below 0.05, the chance that even one is an accident is below 0.05.
std::vector<double> holm_adjusted(std::span<const double> p_values);

}  // namespace tracelink::compare
