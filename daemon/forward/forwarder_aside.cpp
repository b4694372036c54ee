#include <algorithm>
#include <chrono>
#include <set>

#include "daemon/forward/forwarder.hpp"

// What Forwarder does with held traces that are too many to be kept in memory.
namespace tracelink {

namespace {

// A look back reads again all that is aside, while the others wait for it.
constexpr auto kBetweenLookBacks = std::chrono::minutes(1);
// For what no other sign would bring back.
constexpr auto kLongestAside = std::chrono::hours(1);

}  // namespace

std::optional<ScopeKey> Forwarder::held_alone(const GroupKey& group) const {
  const auto waiting = waiting_.find(group);
  if (waiting != waiting_.end() && waiting->second.failure.scope != FailureScope::server) {
    return scope_key(waiting->second.failure.scope, group);
  }
  for (const FailureScope scope : {FailureScope::link, FailureScope::experiment}) {
    ScopeKey key = scope_key(scope, group);
    if (gates_.is_held(key)) return key;
  }
  return std::nullopt;
}

std::size_t Forwarder::held_records() const {
  const auto is_held = [this](const GroupKey& group) { return held_alone(group).has_value(); };
  return backlog_.records_in(is_held) + unlinked_.records();
}

void Forwarder::set_aside_excess() {
  if (backlog_.records() + unlinked_.records() < options_.held_records) return;
  const std::size_t held = held_records();
  if (held < options_.held_records) return;
  const std::size_t excess =
      held - options_.held_records + std::max<std::size_t>(options_.held_records / 8, 1);
  if (unlinked_.records() > held / 2) {
    for (const TraceWork& work : unlinked_.take_newest(excess)) set_aside(work, {});
    return;
  }
  const auto is_held = [this](const GroupKey& group) { return held_alone(group).has_value(); };
  for (const TraceWork& work : backlog_.take_newest(is_held, excess)) {
    set_aside(work, held_alone(work.group).value_or(ScopeKey{}));
  }
  give_up_marks_of_absent_scopes();
}

void Forwarder::set_aside(const TraceWork& work, const ScopeKey& scope) {
  if (aside_.empty()) latest_look_back_ = clock_.steady() + kLongestAside;
  for (const Part& part : work.parts) source_.set_aside(part.position);
  assembler_.finished(work.trace_id);
  ++aside_[scope];
}

// A peer that invents an experiment for each trace costs neither marks nor gates.
void Forwarder::give_up_marks_of_absent_scopes() {
  std::set<ScopeKey> present;
  for (const GroupKey& group : backlog_.groups()) {
    present.insert(scope_key(FailureScope::link, group));
    present.insert(scope_key(FailureScope::experiment, group));
  }
  std::size_t absent = 0;
  for (auto at = aside_.begin(); at != aside_.end();) {
    const auto mark = at++;
    if (mark->first.scope == FailureScope::server || present.contains(mark->first)) continue;
    absent += mark->second;
    gates_.forget(mark->first);
    aside_.erase(mark);
  }
  if (absent > 0) aside_[{}] += absent;
}

std::optional<ScopeKey> Forwarder::aside_scope(const GroupKey& group) const {
  for (const FailureScope scope : {FailureScope::link, FailureScope::experiment}) {
    ScopeKey key = scope_key(scope, group);
    if (aside_.contains(key)) return key;
  }
  return std::nullopt;
}

std::size_t Forwarder::aside_traces() const {
  std::size_t traces = 0;
  for (const auto& [scope, count] : aside_) traces += count;
  return traces;
}

void Forwarder::look_back_if_due() {
  const SteadyTime now = clock_.steady();
  if (aside_.empty() || now < next_look_back_) return;
  const bool has_space = held_records() < options_.held_records / 2;
  if (!scope_opened_ && !has_space && now < latest_look_back_) return;
  source_.look_back();
  aside_.clear();
  scope_opened_ = false;
  next_look_back_ = now + kBetweenLookBacks;
}

}  // namespace tracelink
