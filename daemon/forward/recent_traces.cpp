#include "daemon/forward/recent_traces.hpp"

namespace tracelink {

namespace {

constexpr auto kKeep = std::chrono::hours(1);

}  // namespace

void RecentTraces::remember(const TraceNote& note, SteadyTime at, SteadyTime now) {
  RecentTrace& trace = traces_[note.trace_id];
  trace.link = note.link;
  trace.delivered |= note.step != TraceNote::Step::linked;
  trace.deleted |= note.step == TraceNote::Step::deleted;
  trace.root_delivered |= note.root_delivered;
  trace.noted = true;
  trace.at = at;
  order_.emplace_back(at, note.trace_id);
  forget_old(now);
}

std::optional<RecentTrace> RecentTraces::find(const TraceId& id, SteadyTime now) const {
  const auto found = traces_.find(id);
  if (found == traces_.end() || now - found->second.at > kKeep) return std::nullopt;
  return found->second;
}

std::vector<TraceId> RecentTraces::undelivered(const LinkHash& link, SteadyTime now) const {
  std::vector<TraceId> ids;
  for (const auto& [id, trace] : traces_) {
    if (trace.link == link && !trace.delivered && now - trace.at <= kKeep) ids.push_back(id);
  }
  return ids;
}

void RecentTraces::set_unnoted(const TraceId& id, const LinkHash& link) {
  const auto found = traces_.find(id);
  if (found == traces_.end()) return;
  found->second.link = link;
  found->second.noted = false;
}

void RecentTraces::add_links(SteadyTime now, LinkSet& to) const {
  for (const auto& [id, trace] : traces_) {
    if (now - trace.at <= kKeep) to.insert(trace.link);
  }
}

void RecentTraces::forget_old(SteadyTime now) {
  while (!order_.empty() && (order_.size() > capacity_ || now - order_.front().first > kKeep)) {
    const auto& [at, id] = order_.front();
    const auto found = traces_.find(id);
    if (found != traces_.end() && found->second.at == at) traces_.erase(found);
    order_.pop_front();
  }
}

}  // namespace tracelink
