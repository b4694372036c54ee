#include "daemon/compare/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace tracelink::compare {
namespace {

double log_factorial(std::size_t n) { return std::lgamma(static_cast<double>(n) + 1); }

double log_choose(std::size_t n, std::size_t k) {
  return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

// The hypergeometric distribution of the yes among `a`, when `yes` of a + b are.
struct Hypergeometric {
  std::size_t a, b, yes;

  std::size_t least() const { return yes > b ? yes - b : 0; }
  std::size_t most() const { return std::min(yes, a); }
  double probability(std::size_t k) const {
    return std::exp(log_choose(a, k) + log_choose(b, yes - k) - log_choose(a + b, yes));
  }
};

// What Mann and Whitney's test needs of both samples' values in one order.
struct Ranks {
  double sum_of_a = 0;  // of the ranks of a's values; equal values share their mean rank
  double ties = 0;      // Σ t³ − t over groups of t equal values
};

Ranks rank(std::span<const double> a, std::span<const double> b) {
  std::vector<std::pair<double, bool>> all;
  all.reserve(a.size() + b.size());
  for (const double value : a) all.emplace_back(value, true);
  for (const double value : b) all.emplace_back(value, false);
  std::ranges::sort(all);
  Ranks ranks;
  for (std::size_t first = 0, next = 0; first < all.size(); first = next) {
    std::size_t of_a = 0;
    while (next < all.size() && all[next].first == all[first].first) of_a += all[next++].second;
    const auto equal = static_cast<double>(next - first);
    ranks.sum_of_a += static_cast<double>(of_a) * static_cast<double>(first + 1 + next) / 2;
    ranks.ties += equal * equal * equal - equal;
  }
  return ranks;
}

}  // namespace

double quantile(std::span<const double> sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::optional<double> fisher_exact_p(const Proportion& a, const Proportion& b) {
  if (a.all == 0 || b.all == 0) return std::nullopt;
  const Hypergeometric tables{a.all, b.all, a.yes + b.yes};
  // Equal probabilities differ in their last digits, depending on how they were computed.
  const double bound = tables.probability(a.yes) * (1 + 1e-7);
  double p = 0;
  for (std::size_t k = tables.least(); k <= tables.most(); ++k) {
    const double probability = tables.probability(k);
    if (probability <= bound) p += probability;
  }
  return std::min(p, 1.0);
}

std::optional<double> mann_whitney_p(std::span<const double> a, std::span<const double> b) {
  if (std::min(a.size(), b.size()) < kLeastForMannWhitney) return std::nullopt;
  const auto n_a = static_cast<double>(a.size()), n_b = static_cast<double>(b.size());
  const double n = n_a + n_b;
  const Ranks ranks = rank(a, b);
  const double u = ranks.sum_of_a - n_a * (n_a + 1) / 2;
  const double variance = n_a * n_b / 12 * (n + 1 - ranks.ties / (n * (n - 1)));
  if (variance <= 0) return 1.0;  // all values are equal
  const double z = (std::abs(u - n_a * n_b / 2) - 0.5) / std::sqrt(variance);
  return std::min(std::erfc(z / std::numbers::sqrt2), 1.0);
}

std::vector<double> holm_adjusted(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t index) { return p_values[index]; });
  std::vector<double> adjusted(p_values.size());
  double least = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const auto left = static_cast<double>(order.size() - rank);
    least = std::max(least, std::min(1.0, p_values[order[rank]] * left));
    adjusted[order[rank]] = least;
  }
  return adjusted;
}

}  // namespace tracelink::compare
