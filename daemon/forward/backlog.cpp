#include "daemon/forward/backlog.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace tracelink {

namespace {

// What a batch is chosen from, so that its cost has a bound.
constexpr std::size_t kLooksForBatch = 512;
// Failures in a row, after which the back-off is longer than anybody waits.
constexpr int kSoonFailures = 3;

// Nothing is known of it but what its records say.
bool is_as_read(const TraceWork& work) {
  return !work.bisection && work.suspicion.failures == 0 && work.split_group == 0;
}

bool is_doubtful(const TraceWork& work) { return work.suspicion.failures >= kSoonFailures; }

}  // namespace

std::size_t Backlog::Group::soon() const {
  const auto is_stalled = [](Scopes::iterator scope) { return scope->second.stalled; };
  return std::ranges::any_of(scopes, is_stalled) ? 0 : promising;
}

std::size_t Backlog::Group::records_of(bool is_held) const {
  return is_held ? records - moving_records() : moving_records();
}

bool Backlog::Group::may_give(const TraceWork& work, bool is_held) const {
  const bool doubtful = is_doubtful(work);
  if ((held || doubtful) != is_held) return false;
  return is_as_read(work) || (doubtful && !held);
}

Backlog::Groups::iterator Backlog::group_of(const GroupKey& key) {
  const auto [at, is_new] = groups_.try_emplace(key);
  if (!is_new) return at;
  const ScopeKey link = scope_key(FailureScope::link, key);
  const ScopeKey experiment = scope_key(FailureScope::experiment, key);
  at->second.scopes.push_back(scopes_.try_emplace(link).first);
  if (experiment != link) at->second.scopes.push_back(scopes_.try_emplace(experiment).first);
  for (const auto scope : at->second.scopes) scope->second.groups.insert(key);
  return at;
}

void Backlog::count(Group& group, const TraceWork& work, bool added) {
  const std::size_t traces = added ? 1 : static_cast<std::size_t>(-1);
  const std::size_t records = added ? work.parts.size() : -work.parts.size();
  records_ += records;
  traces_ += traces;
  soon_ -= group.soon();
  held_records_ -= group.records_of(true);
  group.records += records;
  if (is_doubtful(work)) group.doubtful_records += records;
  if (work.failures < kSoonFailures) group.promising += traces;
  held_records_ += group.records_of(true);
  soon_ += group.soon();
  for (const auto scope : group.scopes) scope->second.traces += traces;
}

void Backlog::add(TraceWork work) {
  const auto group = group_of(work.group);
  count(group->second, work, true);
  const std::uint64_t sequence = work.sequence;
  Works& works = group->second.later;
  const SteadyTime due = work.not_before;
  const auto at = works.emplace(sequence, std::move(work)).first;
  if (due <= now_) {
    make_due(group, works.extract(at));
  } else {
    later_.emplace(std::pair(due, sequence), group);
  }
}

void Backlog::make_due(Groups::iterator group, Works::node_type work) {
  if (group->second.due.empty()) awakened_.push_back(group->first);
  group->second.due_by_failures[work.mapped().failures].insert(work.key());
  group->second.due.insert(std::move(work));
  if (!group->second.held) ++due_not_held_;
}

void Backlog::wake(SteadyTime now) {
  now_ = now;
  while (!later_.empty() && later_.begin()->first.first <= now) {
    const auto [key, group] = *later_.begin();
    later_.erase(later_.begin());
    make_due(group, group->second.later.extract(key.second));
  }
}

std::vector<GroupKey> Backlog::take_awakened() { return std::exchange(awakened_, {}); }

bool Backlog::has_due(const GroupKey& key) const {
  const auto group = groups_.find(key);
  return group != groups_.end() && !group->second.due.empty();
}

std::vector<TraceWork> Backlog::take_batch(const GroupKey& key, Limits limits) {
  std::vector<TraceWork> batch;
  std::uint64_t bytes = 0;
  std::size_t looks = 0;
  const auto group = groups_.find(key);
  if (group == groups_.end()) return batch;
  Works& due = group->second.due;
  for (auto at = due.begin(); at != due.end() && ++looks <= kLooksForBatch;) {
    const auto candidate = at++;
    const TraceWork& work = candidate->second;
    if (!batch.empty()) {
      if (work.split_group != batch.front().split_group) continue;
      if (bytes + work.bytes > limits.max_bytes) break;
    }
    bytes += work.bytes;
    batch.push_back(remove(group, due, candidate));
    if (batch.size() >= limits.max_traces) break;
  }
  drop_if_empty(group);
  return batch;
}

std::optional<TraceWork> Backlog::take_probe(const GroupKey& key) {
  const auto group = groups_.find(key);
  if (group == groups_.end() || group->second.due.empty()) return std::nullopt;
  Works& due = group->second.due;
  const std::uint64_t newest = *group->second.due_by_failures.begin()->second.rbegin();
  TraceWork work = remove(group, due, due.find(newest));
  drop_if_empty(group);
  return work;
}

std::optional<SteadyTime> Backlog::next_due() const {
  if (later_.empty()) return std::nullopt;
  return later_.begin()->first.first;
}

std::size_t Backlog::traces_in(const ScopeKey& key) const {
  if (key.scope == FailureScope::server) return traces_;
  const auto scope = scopes_.find(key);
  return scope == scopes_.end() ? 0 : scope->second.traces;
}

std::size_t Backlog::moving_records_of(const GroupKey& key) const {
  const auto group = groups_.find(key);
  return group == groups_.end() ? 0 : group->second.moving_records();
}

std::vector<GroupKey> Backlog::groups_in(const ScopeKey& key) const {
  if (key.scope == FailureScope::server) return groups();
  const auto scope = scopes_.find(key);
  if (scope == scopes_.end()) return {};
  return {scope->second.groups.begin(), scope->second.groups.end()};
}

std::vector<GroupKey> Backlog::groups() const {
  std::vector<GroupKey> keys;
  keys.reserve(groups_.size());
  for (const auto& [key, group] : groups_) keys.push_back(key);
  return keys;
}

void Backlog::set_held(const GroupKey& key, bool held) {
  const auto group = groups_.find(key);
  if (group == groups_.end() || group->second.held == held) return;
  held_records_ -= group->second.records_of(true);
  group->second.held = held;
  held_records_ += group->second.records_of(true);
  const std::size_t due = group->second.due.size();
  due_not_held_ += held ? -due : due;
}

bool Backlog::is_held(const GroupKey& key) const {
  const auto group = groups_.find(key);
  return group != groups_.end() && group->second.held;
}

void Backlog::set_stalled(const ScopeKey& key, bool stalled) {
  const auto scope = scopes_.try_emplace(key).first;
  if (scope->second.stalled != stalled) {
    for (const GroupKey& group : scope->second.groups) soon_ -= groups_.at(group).soon();
    scope->second.stalled = stalled;
    for (const GroupKey& group : scope->second.groups) soon_ += groups_.at(group).soon();
  }
  drop_if_unused(scope);
}

bool Backlog::is_stalled(const ScopeKey& key) const {
  const auto scope = scopes_.find(key);
  return scope != scopes_.end() && scope->second.stalled;
}

bool Backlog::may_go_soon(const TraceWork& work) const {
  return work.failures < kSoonFailures && !is_stalled(scope_key(FailureScope::link, work.group)) &&
         !is_stalled(scope_key(FailureScope::experiment, work.group));
}

std::vector<TraceWork> Backlog::take_if(const GroupKey& key,
                                        const std::function<bool(const TraceWork&)>& wanted,
                                        std::size_t max) {
  std::vector<TraceWork> taken;
  const auto group = groups_.find(key);
  if (group == groups_.end()) return taken;
  for (Works* works : {&group->second.due, &group->second.later}) {
    for (auto at = works->begin(); at != works->end() && taken.size() < max;) {
      const auto candidate = at++;
      if (wanted(candidate->second)) taken.push_back(remove(group, *works, candidate));
    }
  }
  drop_if_empty(group);
  std::ranges::sort(taken, {}, &TraceWork::sequence);
  return taken;
}

std::vector<TraceWork> Backlog::take_accepted_before(const GroupKey& key, SteadyTime accepted,
                                                     std::size_t max) {
  std::vector<TraceWork> taken;
  const auto group = groups_.find(key);
  if (group == groups_.end()) return taken;
  for (Works* works : {&group->second.due, &group->second.later}) {
    while (taken.size() < max && !works->empty() && works->begin()->second.accepted < accepted) {
      taken.push_back(remove(group, *works, works->begin()));
    }
  }
  drop_if_empty(group);
  return taken;
}

std::size_t Backlog::take_newest_of(Groups::iterator group, bool held, std::size_t records,
                                    std::size_t left, std::vector<TraceWork>& to) {
  std::size_t taken = 0;
  const auto has_more = [&] {
    return group->second.due.size() + group->second.later.size() > left;
  };
  for (Works* works : {&group->second.later, &group->second.due}) {
    for (auto at = works->end(); at != works->begin() && taken < records && has_more();) {
      const auto candidate = --at;
      if (!group->second.may_give(candidate->second, held)) continue;
      ++at;
      taken += candidate->second.parts.size();
      to.push_back(remove(group, *works, candidate));
    }
  }
  drop_if_empty(group);
  return taken;
}

std::vector<TraceWork> Backlog::take_newest(bool held, std::size_t records) {
  const auto size = [held](Groups::iterator group) { return group->second.records_of(held); };
  std::vector<Groups::iterator> found;
  for (auto at = groups_.begin(); at != groups_.end(); ++at) {
    if (size(at) > 0) found.push_back(at);
  }
  std::ranges::stable_sort(found, std::greater(), size);
  std::vector<TraceWork> taken;
  // One trace speaks for its group, unless groups are too many for that.
  for (const std::size_t left : {std::size_t{1}, std::size_t{0}}) {
    if (!taken.empty() || found.size() <= 1 - left) break;
    std::size_t wanted_records = records;
    for (const auto group : found) {
      if (wanted_records == 0) break;
      const std::size_t half = std::max<std::size_t>(size(group) / 2, 1);
      const std::size_t share = std::min(wanted_records, half);
      wanted_records -= std::min(wanted_records, take_newest_of(group, held, share, left, taken));
    }
  }
  return taken;
}

void Backlog::add_links(LinkSet& to) const {
  for (const auto& [key, scope] : scopes_) {
    if (key.scope == FailureScope::link && scope.traces > 0) to.insert(key.link);
  }
}

TraceWork Backlog::remove(Groups::iterator group, Works& from, Works::iterator work) {
  TraceWork taken = std::move(work->second);
  if (&from == &group->second.later) {
    later_.erase({taken.not_before, work->first});
  } else {
    const auto alike = group->second.due_by_failures.find(taken.failures);
    alike->second.erase(work->first);
    if (alike->second.empty()) group->second.due_by_failures.erase(alike);
    if (!group->second.held) --due_not_held_;
  }
  from.erase(work);
  count(group->second, taken, false);
  return taken;
}

void Backlog::drop_if_empty(Groups::iterator group) {
  if (!group->second.due.empty() || !group->second.later.empty()) return;
  for (const auto scope : group->second.scopes) {
    scope->second.groups.erase(group->first);
    drop_if_unused(scope);
  }
  groups_.erase(group);
}

void Backlog::drop_if_unused(Scopes::iterator scope) {
  if (scope->second.groups.empty() && !scope->second.stalled) scopes_.erase(scope);
}

}  // namespace tracelink
