#include "config/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace tracelink {
namespace {

// A third of the letters may be wrong, rounded up: in a word of four, two (a swap).
std::size_t tolerance(std::string_view text) { return (text.size() + 2) / 3; }

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('.') + 1); }

template <class Distance>
std::string closest(std::span<const std::string_view> candidates, std::size_t limit,
                    Distance distance) {
  std::string_view best;
  for (const std::string_view candidate : candidates) {
    const std::size_t d = distance(candidate);
    if (d > limit) continue;
    best = candidate;
    if (d == 0) break;
    limit = d - 1;
  }
  return std::string(best);
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string nearest_word(std::string_view found, std::span<const std::string_view> candidates) {
  return closest(candidates, tolerance(found),
                 [&](std::string_view candidate) { return edit_distance(found, candidate); });
}

std::string nearest_path(std::string_view found, std::span<const std::string_view> candidates) {
  const std::string_view last = last_part(found);
  return closest(candidates, tolerance(found), [&](std::string_view candidate) {
    const std::size_t whole = edit_distance(found, candidate);
    const std::size_t moved = edit_distance(last, last_part(candidate));
    return moved <= tolerance(last) / 2 ? std::min(whole, moved + 1) : whole;
  });
}

}  // namespace tracelink
