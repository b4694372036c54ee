#include "daemon/forward/recent_traces.hpp"

namespace tracelink {

namespace {

constexpr auto kKeep = std::chrono::hours(1);

}  // namespace

void RecentTraces::remember(const TraceNote& note, SteadyTime at, SteadyTime now) {
  const auto [at_id, is_new] = traces_.try_emplace(note.trace_id);
  Entry& entry = at_id->second;
  if (is_new) {
    entry.place = order_.insert(order_.end(), note.trace_id);
  } else {
    order_.splice(order_.end(), order_, entry.place);
  }
  RecentTrace& trace = entry.trace;
  trace.link = note.link;
  trace.delivered |= note.step != TraceNote::Step::linked;
  trace.deleted |= note.step == TraceNote::Step::deleted;
  trace.root_delivered |= note.root_delivered;
  trace.noted = true;
  trace.at = at;
  forget_old(now);
}

std::optional<RecentTrace> RecentTraces::find(const TraceId& id, SteadyTime now) const {
  const auto found = traces_.find(id);
  if (found == traces_.end() || !is_known(id, found->second, now)) return std::nullopt;
  return found->second.trace;
}

std::vector<TraceId> RecentTraces::undelivered(const LinkHash& link, SteadyTime now) const {
  std::vector<TraceId> ids;
  for (const auto& [id, entry] : traces_) {
    const RecentTrace& trace = entry.trace;
    if (trace.link == link && !trace.delivered && is_known(id, entry, now)) ids.push_back(id);
  }
  return ids;
}

void RecentTraces::set_unnoted(const TraceId& id, const LinkHash& link) {
  const auto found = traces_.find(id);
  if (found == traces_.end()) return;
  found->second.trace.link = link;
  found->second.trace.noted = false;
}

void RecentTraces::add_links(SteadyTime now, LinkSet& to) const {
  for (const auto& [id, entry] : traces_) {
    if (is_known(id, entry, now)) to.insert(entry.trace.link);
  }
}

bool RecentTraces::is_known(const TraceId& id, const Entry& entry, SteadyTime now) const {
  return now - entry.trace.at <= kKeep || is_spilled_(id);
}

void RecentTraces::forget_old(SteadyTime now) {
  while (!order_.empty()) {
    const auto oldest = traces_.find(order_.front());
    if (order_.size() <= capacity_) {
      RecentTrace& trace = oldest->second.trace;
      if (now - trace.at <= kKeep) break;
      if (is_spilled_(oldest->first)) {
        trace.at = now;  // for an hour more
        order_.splice(order_.end(), order_, order_.begin());
        continue;
      }
    }
    traces_.erase(oldest);
    order_.pop_front();
  }
}

}  // namespace tracelink
