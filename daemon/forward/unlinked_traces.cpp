#include "daemon/forward/unlinked_traces.hpp"

#include <algorithm>
#include <iterator>
#include <string>

#include "daemon/links/link_failure.hpp"

namespace tracelink {

namespace {

std::string scope_of(LinkObstacle obstacle) {
  switch (obstacle) {
    case LinkObstacle::none:
      break;
    case LinkObstacle::no_model:
      return "link (no model named)";
    case LinkObstacle::missing_attribute:
      return "link (attribute missing)";
    case LinkObstacle::unusable_name:
      return "link (unusable name)";
    case LinkObstacle::too_many_models:
      return "link (too many models)";
    case LinkObstacle::not_stored:
      return "link (not stored)";
  }
  return "link";
}

}  // namespace

void UnlinkedTraces::add(TraceWork work) {
  const auto [at, is_new] = reasons_.try_emplace({work.link_obstacle, work.accepted_link});
  if (is_new) at->second.since = clock_.steady();
  const std::uint64_t sequence = work.sequence;
  at->second.traces.insert(sequence);
  by_link_[work.group.link].insert(sequence);
  records_ += work.parts.size();
  sequence_of_.emplace(work.trace_id, sequence);
  works_.emplace(sequence, std::move(work));
}

TraceWork UnlinkedTraces::remove(Works::iterator at) {
  TraceWork work = std::move(at->second);
  works_.erase(at);
  sequence_of_.erase(work.trace_id);
  records_ -= work.parts.size();
  const auto reason = reasons_.find({work.link_obstacle, work.accepted_link});
  reason->second.traces.erase(work.sequence);
  if (reason->second.traces.empty()) reasons_.erase(reason);
  const auto linked = by_link_.find(work.group.link);
  linked->second.erase(work.sequence);
  if (linked->second.empty()) by_link_.erase(linked);
  return work;
}

std::vector<TraceWork> UnlinkedTraces::take_all(const Sequences& sequences) {
  std::vector<TraceWork> taken;
  taken.reserve(sequences.size());
  for (const std::uint64_t sequence : sequences) taken.push_back(remove(works_.find(sequence)));
  return taken;
}

std::optional<TraceWork> UnlinkedTraces::take(const TraceId& id) {
  const auto found = sequence_of_.find(id);
  if (found == sequence_of_.end()) return std::nullopt;
  return remove(works_.find(found->second));
}

std::vector<TraceWork> UnlinkedTraces::take_newest(std::size_t records) {
  std::vector<TraceWork> taken;
  for (const std::size_t before = records_; !works_.empty() && before - records_ < records;) {
    taken.push_back(remove(std::prev(works_.end())));
  }
  return taken;
}

std::optional<TraceWork> UnlinkedTraces::take_oldest_that_may_pass(std::uint64_t from) {
  std::optional<std::uint64_t> oldest;
  for (const auto& [reason, waiting] : reasons_) {
    const auto first = waiting.traces.lower_bound(from);
    if (!may_pass(reason.first) || first == waiting.traces.end()) continue;
    oldest = std::min(oldest.value_or(*first), *first);
  }
  if (!oldest) return std::nullopt;
  return remove(works_.find(*oldest));
}

std::vector<TraceWork> UnlinkedTraces::take_waiting_for(const LinkHash& link) {
  Sequences sequences;
  if (const auto linked = by_link_.find(link); linked != by_link_.end()) {
    for (const std::uint64_t sequence : linked->second) {
      if (may_pass(works_.at(sequence).link_obstacle)) sequences.insert(sequence);
    }
  }
  return take_all(sequences);
}

std::vector<TraceWork> UnlinkedTraces::take_linked(const LinkHash& link) {
  const auto linked = by_link_.find(link);
  if (linked == by_link_.end()) return {};
  const Sequences sequences = linked->second;
  return take_all(sequences);
}

std::vector<TraceWork> UnlinkedTraces::take_accepted_before(SteadyTime accepted, std::size_t max) {
  Sequences sequences;
  for (const auto& [sequence, work] : works_) {
    if (work.accepted >= accepted || sequences.size() == max) break;
    if (work.link_obstacle != LinkObstacle::not_stored) sequences.insert(sequence);
  }
  return take_all(sequences);
}

std::vector<HeldScope> UnlinkedTraces::held(const RecordSource& source) const {
  std::vector<HeldScope> scopes;
  for (const auto& [reason, waiting] : reasons_) {
    const auto& [obstacle, accepted] = reason;
    const Failure why = link_failure(obstacle, accepted, source);
    scopes.push_back(
        {scope_of(obstacle), why.message, why.remedy, waiting.since, waiting.traces.size()});
  }
  return scopes;
}

}  // namespace tracelink
