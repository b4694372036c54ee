#include "daemon/forward/trace_pieces.hpp"

#include <algorithm>
#include <utility>

namespace tracelink {
namespace {

// Which parts go in the first piece: that with the info, else with the root, then the oldest that
// fit.
std::vector<bool> first_piece(const std::vector<Part>& parts, std::uint64_t max_cost) {
  std::vector<bool> chosen(parts.size());
  auto lead = std::ranges::find(parts, true, &Part::has_info);
  if (lead == parts.end()) lead = std::ranges::find(parts, true, &Part::has_root);
  const auto first = lead == parts.end() ? parts.begin() : lead;
  chosen[static_cast<std::size_t>(first - parts.begin())] = true;
  std::uint64_t cost = first->cost;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (chosen[i]) continue;
    if (cost + parts[i].cost > max_cost) break;
    chosen[i] = true;
    cost += parts[i].cost;
  }
  return chosen;
}

// Leaves the chosen parts in `work` and gives the rest.
TraceWork leave(TraceWork& work, const std::vector<bool>& chosen) {
  TraceWork rest;
  const TraceFacts& facts = work;
  static_cast<TraceFacts&>(rest) = facts;
  std::vector<Part> kept;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    (chosen[i] ? kept : rest.parts).push_back(work.parts[i]);
    if (chosen[i]) continue;
    rest.bytes += work.parts[i].bytes;
    rest.cost += work.parts[i].cost;
  }
  work.bytes -= rest.bytes;
  work.cost -= rest.cost;
  work.parts = std::move(kept);
  return rest;
}

}  // namespace

bool holds_changes_only(const TraceWork& work) {
  return std::ranges::all_of(work.parts, &Part::is_change);
}

std::optional<TraceWork> cut(TraceWork& work, std::uint64_t max_cost) {
  if (work.cost <= max_cost || work.parts.size() == 1) return std::nullopt;
  TraceWork rest = leave(work, first_piece(work.parts, max_cost));
  if (rest.parts.empty()) return std::nullopt;
  work.in_pieces = rest.in_pieces = true;
  return rest;
}

std::optional<TraceWork> leave_changes(TraceWork& work) {
  const auto changes = std::ranges::count(work.parts, true, &Part::is_change);
  if (changes == 0 || work.parts.size() == 1) return std::nullopt;
  std::vector<bool> chosen(work.parts.size());
  if (holds_changes_only(work)) {
    chosen.front() = true;
  } else {
    for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i] = !work.parts[i].is_change;
  }
  return leave(work, chosen);
}

}  // namespace tracelink
