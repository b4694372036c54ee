#include "daemon/forward/recent_traces.hpp"

namespace tracelink {

namespace {

constexpr auto kKeep = std::chrono::hours(1);

}  // namespace

void RecentTraces::remember(const TraceNote& note, WallTime now) {
  RecentTrace& trace = traces_[note.trace_id];
  trace.link = note.link;
  trace.delivered |= note.step == TraceNote::Step::delivered;
  trace.root_delivered |= note.root_delivered;
  trace.at = note.at;
  order_.emplace_back(note.at, note.trace_id);
  forget_old(now);
}

std::optional<RecentTrace> RecentTraces::find(const TraceId& id, WallTime now) const {
  const auto found = traces_.find(id);
  if (found == traces_.end() || now - found->second.at > kKeep) return std::nullopt;
  return found->second;
}

void RecentTraces::forget_old(WallTime now) {
  while (!order_.empty() && (order_.size() > capacity_ || now - order_.front().first > kKeep)) {
    const auto& [at, id] = order_.front();
    const auto found = traces_.find(id);
    if (found != traces_.end() && found->second.at == at) traces_.erase(found);
    order_.pop_front();
  }
}

}  // namespace tracelink
