#include "config/nearest.hpp"

#include <algorithm>
#include <compare>
#include <numeric>
#include <vector>

namespace tracelink {
namespace {

// A third of the letters may be wrong, rounded up: in a word of four, two (a swap).
std::size_t tolerance(std::string_view text) { return (text.size() + 2) / 3; }

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('.') + 1); }

// Smaller is nearer: first by edits, then by the whole text.
struct Distance {
  std::size_t edits = 0;
  std::size_t whole = 0;
  auto operator<=>(const Distance&) const = default;
};

template <class Measure>
std::string closest(std::span<const std::string_view> candidates, std::size_t limit,
                    Measure distance) {
  std::string_view best;
  Distance least{limit + 1, 0};
  for (const std::string_view candidate : candidates) {
    const Distance d = distance(candidate);
    if (d >= least) continue;
    best = candidate;
    least = d;
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
  return closest(candidates, tolerance(found), [&](std::string_view candidate) {
    return Distance{edit_distance(found, candidate), 0};
  });
}

std::string nearest_path(std::string_view found, std::span<const std::string_view> candidates) {
  const std::string_view last = last_part(found);
  return closest(candidates, tolerance(found), [&](std::string_view candidate) {
    const std::size_t whole = edit_distance(found, candidate);
    const std::size_t moved = edit_distance(last, last_part(candidate));
    const bool is_moved = moved <= tolerance(last) / 2;
    return Distance{is_moved ? std::min(whole, moved + 1) : whole, whole};
  });
}

}  // namespace tracelink
