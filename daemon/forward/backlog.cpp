#include "daemon/forward/backlog.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace tracelink {

namespace {

// Nothing is known of it but what its records say.
bool is_as_read(const TraceWork& work) {
  return !work.isolation && work.doubt.failures == 0 && work.cohort == 0;
}

}  // namespace

void Backlog::add(TraceWork work) {
  Group& group = groups_[work.group];
  group.records += work.parts.size();
  records_ += work.parts.size();
  const std::uint64_t sequence = work.sequence;
  group.works.emplace(sequence, std::move(work));
}

std::vector<GroupKey> Backlog::due_groups(SteadyTime now) const {
  std::vector<std::pair<std::uint64_t, GroupKey>> due;
  for (const auto& [key, group] : groups_) {
    const auto first = std::ranges::find_if(
        group.works, [&](const auto& entry) { return entry.second.not_before <= now; });
    if (first != group.works.end()) due.emplace_back(first->first, key);
  }
  std::ranges::sort(due);
  std::vector<GroupKey> keys;
  keys.reserve(due.size());
  for (auto& [sequence, key] : due) keys.push_back(std::move(key));
  return keys;
}

std::vector<TraceWork> Backlog::take_batch(const GroupKey& key, Limits limits, SteadyTime now) {
  std::vector<TraceWork> batch;
  std::uint64_t bytes = 0;
  const auto group = groups_.find(key);
  if (group == groups_.end()) return batch;
  for (auto at = group->second.works.begin(); at != group->second.works.end();) {
    const auto candidate = at++;
    const TraceWork& work = candidate->second;
    if (work.not_before > now) continue;
    if (!batch.empty()) {
      if (work.cohort != batch.front().cohort) continue;
      if (bytes + work.bytes > limits.max_bytes) break;
    }
    bytes += work.bytes;
    batch.push_back(remove(group, candidate));
    if (batch.size() >= limits.max_traces) break;
  }
  drop_if_empty(group);
  return batch;
}

std::optional<TraceWork> Backlog::take_probe(const GroupKey& key, SteadyTime now) {
  const auto group = groups_.find(key);
  if (group == groups_.end()) return std::nullopt;
  auto& works = group->second.works;
  auto best = works.end();
  for (auto at = works.begin(); at != works.end(); ++at) {
    if (at->second.not_before > now) continue;
    if (best == works.end() || at->second.failures < best->second.failures) best = at;
  }
  if (best == works.end()) return std::nullopt;
  TraceWork work = remove(group, best);
  drop_if_empty(group);
  return work;
}

std::vector<TraceWork> Backlog::take_if(const std::function<bool(const TraceWork&)>& wanted) {
  std::vector<TraceWork> taken;
  for (auto group = groups_.begin(); group != groups_.end();) {
    const auto current = group++;
    auto& works = current->second.works;
    for (auto at = works.begin(); at != works.end();) {
      const auto candidate = at++;
      if (wanted(candidate->second)) taken.push_back(remove(current, candidate));
    }
    drop_if_empty(current);
  }
  return taken;
}

std::vector<Backlog::Groups::iterator> Backlog::largest_first(
    const std::function<bool(const GroupKey&)>& wanted) {
  std::vector<Groups::iterator> found;
  for (auto at = groups_.begin(); at != groups_.end(); ++at) {
    if (wanted(at->first)) found.push_back(at);
  }
  std::ranges::stable_sort(found, std::greater(),
                           [](Groups::iterator group) { return group->second.records; });
  return found;
}

std::size_t Backlog::take_newest_of(Groups::iterator group, std::size_t records,
                                    std::vector<TraceWork>& to) {
  auto& works = group->second.works;
  std::size_t taken = 0;
  for (auto at = works.end(); at != works.begin() && taken < records;) {
    const auto candidate = --at;
    if (!is_as_read(candidate->second)) continue;
    ++at;
    taken += candidate->second.parts.size();
    to.push_back(remove(group, candidate));
  }
  drop_if_empty(group);
  return taken;
}

std::vector<TraceWork> Backlog::take_newest(const std::function<bool(const GroupKey&)>& wanted,
                                            std::size_t records) {
  std::vector<TraceWork> taken;
  std::size_t left = records;
  for (const auto group : largest_first(wanted)) {
    if (left == 0) break;
    const std::size_t half = std::max<std::size_t>(group->second.records / 2, 1);
    left -= std::min(left, take_newest_of(group, std::min(left, half), taken));
  }
  return taken;
}

std::optional<SteadyTime> Backlog::next_due(SteadyTime now) const {
  std::optional<SteadyTime> next;
  for (const auto& [key, group] : groups_) {
    for (const auto& [sequence, work] : group.works) {
      if (work.not_before > now && (!next || work.not_before < *next)) next = work.not_before;
    }
  }
  return next;
}

std::size_t Backlog::traces() const {
  return traces_in([](const GroupKey&) { return true; });
}

std::vector<GroupKey> Backlog::groups() const {
  std::vector<GroupKey> keys;
  for (const auto& [key, group] : groups_) keys.push_back(key);
  return keys;
}

std::size_t Backlog::traces_in(const std::function<bool(const GroupKey&)>& wanted) const {
  std::size_t traces = 0;
  for (const auto& [key, group] : groups_) {
    if (wanted(key)) traces += group.works.size();
  }
  return traces;
}

void Backlog::add_links(LinkSet& to) const {
  for (const auto& [key, group] : groups_) to.insert(key.link);
}

std::size_t Backlog::records_in(const std::function<bool(const GroupKey&)>& wanted) const {
  std::size_t records = 0;
  for (const auto& [key, group] : groups_) {
    if (wanted(key)) records += group.records;
  }
  return records;
}

TraceWork Backlog::remove(Groups::iterator group,
                          std::map<std::uint64_t, TraceWork>::iterator work) {
  TraceWork taken = std::move(work->second);
  group->second.works.erase(work);
  group->second.records -= taken.parts.size();
  records_ -= taken.parts.size();
  return taken;
}

void Backlog::drop_if_empty(Groups::iterator group) {
  if (group->second.works.empty()) groups_.erase(group);
}

}  // namespace tracelink
