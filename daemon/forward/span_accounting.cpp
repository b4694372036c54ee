#include "daemon/forward/span_accounting.hpp"

#include <functional>
#include <ranges>

#include "daemon/codec/span_ids.hpp"

namespace tracelink {

namespace {

using IsDead = std::function<bool(const SpanId&)>;

Completion account_part(const Part& part, const std::string& slice, const IsDead& is_dead,
                        SpanIds& seen) {
  Completion completion{.position = part.position};
  const auto ids = span_ids(slice);
  // A change, and what was accepted without having been looked at span by span, is counted as a
  // whole.
  if (!ids || ids->size() != part.span_count || part.changes > 0) {
    (is_dead(SpanId{}) ? completion.dead_lettered : completion.delivered) =
        part.span_count + part.changes;
    return completion;
  }
  for (const SpanId& id : *ids | std::views::reverse) {
    if (!seen.insert(id).second) {
      ++completion.duplicate;
    } else if (is_dead(id)) {
      ++completion.dead_lettered;
    } else {
      ++completion.delivered;
    }
  }
  return completion;
}

std::vector<Completion> account_if(const std::vector<Part>& parts,
                                   const std::vector<std::string>& slices, const IsDead& is_dead) {
  std::vector<Completion> completions(parts.size());
  SpanIds seen;
  for (std::size_t i = parts.size(); i-- > 0;) {
    completions[i] = account_part(parts[i], slices[i], is_dead, seen);
  }
  return completions;
}

}  // namespace

std::vector<Completion> account_spans(const std::vector<Part>& parts,
                                      const std::vector<std::string>& slices, const SpanIds& dead) {
  return account_if(parts, slices, [&](const SpanId& id) { return dead.contains(id); });
}

std::vector<Completion> account_all_dead(const std::vector<Part>& parts,
                                         const std::vector<std::string>& slices) {
  return account_if(parts, slices, [](const SpanId&) { return true; });
}

}  // namespace tracelink
