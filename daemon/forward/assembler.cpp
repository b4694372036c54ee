#include "daemon/forward/assembler.hpp"

#include <algorithm>

#include "daemon/codec/otlp_check.hpp"
#include "daemon/codec/remote_parent.hpp"
#include "daemon/codec/split_request.hpp"
#include "daemon/forward/trace_pieces.hpp"

namespace tracelink {

namespace {

void set_link(TraceWork& work, const LinkChoice& choice) {
  work.group.link = choice.link;
  work.link_rank = choice.rank;
  work.link_obstacle = choice.obstacle;
}

void strengthen(TraceWork& work, const LinkChoice& choice) {
  if (choice.rank > work.link_rank) set_link(work, choice);
}

// The SDK's trace info says the experiment of the trace. Spans may have come under that of the
// thread in which they ended.
bool knows_experiment(const TraceWork& work) {
  return std::ranges::any_of(work.parts, &Part::has_info);
}

// The part is the first of its trace as yet.
void begin_with(TraceWork& work, const StoredRecord& stored, const LinkChoice& choice,
                SteadyTime arrived) {
  if (choice.rank >= work.link_rank) set_link(work, choice);
  if (!knows_experiment(work)) work.group.experiment = stored.record.experiment;
  work.accepted_link = stored.record.link;
  work.sequence = stored.sequence;
  work.accepted_sequence = stored.accepted_sequence();
  work.accepted_at = stored.record.accepted_at;
  work.accepted = arrived;
  work.replayed = stored.replayed;
  work.peer = stored.record.peer;
}

bool differs(const TraceWork& work, const StoredRecord& stored, const LinkChoice& choice) {
  return choice.link != work.group.link || stored.record.link != work.accepted_link ||
         stored.record.experiment != work.group.experiment;
}

// What the part tells of the trace's group. A change tells nothing that another part can tell.
void learn_group(TraceWork& work, const StoredRecord& stored, const LinkChoice& choice,
                 SteadyTime arrived) {
  const bool is_change = !stored.record.slice.change.empty();
  if (holds_changes_only(work)) {
    if (work.parts.empty() || !is_change) begin_with(work, stored, choice, arrived);
    if (is_change) work.link_obstacle = LinkObstacle::none;  // the trace has its link
    return;
  }
  if (is_change) return;
  work.is_mixed |= differs(work, stored, choice);
  if (stored.sequence < work.sequence) {
    begin_with(work, stored, choice, arrived);  // it was spilled, and a later one was not
  } else {
    strengthen(work, choice);
  }
  if (!stored.record.slice.info.empty()) work.group.experiment = stored.record.experiment;
}

std::uint32_t bytes_of(const TraceSlice& slice) {
  return static_cast<std::uint32_t>(slice.otlp.size() + slice.info.size() + slice.change.size());
}

// Many small attributes take more than their bytes once they are read.
std::uint32_t cost_of(const TraceSlice& slice) {
  const auto messages = otlp::count_messages(slice.otlp, otlp::MessageType::traces_data);
  return std::max(bytes_of(slice), static_cast<std::uint32_t>(messages * kMessageCost));
}

void add_part(TraceWork& work, const StoredRecord& stored) {
  const TraceSlice& slice = stored.record.slice;
  const std::uint32_t bytes = bytes_of(slice);
  const Part part{.position = stored.position,
                  .span_count = slice.span_count,
                  .bytes = bytes,
                  .sequence = stored.sequence,
                  .has_root = slice.root_seen,
                  .cost = cost_of(slice),
                  .has_info = !slice.info.empty(),
                  .is_change = !slice.change.empty(),
                  .changes = stored.changes};
  work.parts.insert(std::ranges::upper_bound(work.parts, part.sequence, {}, &Part::sequence), part);
  work.bytes += bytes;
  work.cost += part.cost;
}

void join(TraceWork& work, TraceWork later) {
  const bool brings_experiment = knows_experiment(later) && !knows_experiment(work);
  work.parts.insert(work.parts.end(), later.parts.begin(), later.parts.end());
  work.bytes += later.bytes;
  work.cost += later.cost;
  work.root_seen |= later.root_seen;
  work.again |= later.again;
  work.is_mixed |=
      later.is_mixed || later.group != work.group || later.accepted_link != work.accepted_link;
  if (brings_experiment) work.group.experiment = later.group.experiment;
  strengthen(work, {later.group.link, later.link_rank, later.link_obstacle});
}

}  // namespace

// The trace info of an application that named its model may come when the spans have gone by
// another road, which could not say it.
void fix_link(TraceWork& work, const RecentTrace& known) {
  if (work.link_rank == LinkRank::trace_info) return;
  if (!known.root_delivered && work.link_rank >= LinkRank::root_resource) return;
  work.group.link = known.link;
  work.link_obstacle = LinkObstacle::none;
}

void Assembler::add(const StoredRecord& stored, const std::optional<RecentTrace>& known,
                    const LinkChoice& choice) {
  const TraceId id = stored.record.slice.trace_id;
  const SteadyTime arrived = acceptance_.of(stored);
  read_up_to_ = stored.again ? arrived : std::max(read_up_to_, arrived);
  ++records_;
  auto [at, is_new] = open_.try_emplace(id);
  Open& open = at->second;
  if (is_new) {
    open.work.trace_id = id;
    open.late_at = arrived + options_.trace_grace;
    open.ready_at = SteadyTime::max();
  } else {
    unschedule(id, open);
  }
  learn_group(open.work, stored, choice, arrived);
  if (known) fix_link(open.work, *known);
  add_part(open.work, stored);
  open.work.again |= stored.again;
  const bool is_delivered = known && known->delivered;
  if (!stored.record.slice.change.empty()) {
    if (is_new) open.ready_at = is_delivered ? arrived : open.late_at;
  } else {
    await_rest(open, stored.record.slice, is_delivered, arrived);
  }
  if (busy_.contains(id)) {
    ++waiting_records_;
  } else {
    schedule(id, open);
  }
}

void Assembler::await_rest(Open& open, const TraceSlice& slice, bool is_delivered,
                           SteadyTime arrived) {
  open.idles = false;
  if (is_delivered) {
    open.work.root_seen |= slice.root_seen;
    open.ready_at = std::min(open.ready_at, open.late_at);
  } else if (slice.root_seen && !open.work.root_seen) {
    open.work.root_seen = true;
    open.ready_at = arrived + options_.trace_grace;
  } else if (!open.has_top()) {
    open.remote_parent = has_remote_parent(slice.otlp);
    open.idles = !open.remote_parent;
    open.ready_at = arrived + (open.idles ? options_.trace_idle : options_.trace_grace);
  }
  if (open.work.cost > options_.max_trace_bytes) {
    open.idles = false;
    open.ready_at = std::min(open.ready_at, arrived);
  }
}

bool Assembler::Open::may_go() const { return has_top() || holds_changes_only(work); }

void Assembler::schedule(const TraceId& id, const Open& open) {
  due_.emplace(open.ready_at, id);
  if (open.idles) idling_.emplace(open.ready_at, id);
}

void Assembler::unschedule(const TraceId& id, const Open& open) {
  due_.erase({open.ready_at, id});
  if (open.idles) idling_.erase({open.ready_at, id});
}

Assembler::Rootless Assembler::rootless() const {
  if (idling_.empty()) return {};
  return {idling_.size(), idling_.begin()->first, idling_.rbegin()->first};
}

void Assembler::put_back(TraceWork work) {
  const TraceId id = work.trace_id;
  const SteadyTime now = clock_.steady();
  end_busy(id);
  records_ += work.parts.size();
  if (const auto rest = open_.find(id); rest != open_.end()) {
    unschedule(id, rest->second);
    join(work, std::move(rest->second.work));
  }
  open_.insert_or_assign(id, Open{.work = std::move(work), .ready_at = now, .late_at = now});
  due_.emplace(now, id);
}

TraceWork Assembler::take(TraceId id) {
  const auto found = open_.find(id);
  unschedule(id, found->second);
  TraceWork work = std::move(found->second.work);
  busy_.insert(id);
  auto changes = leave_changes(work);
  auto rest = cut(work, options_.max_trace_bytes);
  if (!rest) {
    rest = std::move(changes);
  } else if (changes) {
    join(*rest, *std::move(changes));
  }
  if (rest) {
    waiting_records_ += rest->parts.size();
    const SteadyTime now = clock_.steady();
    found->second = Open{.work = *std::move(rest),
                         .ready_at = now,
                         .late_at = now,
                         .remote_parent = found->second.remote_parent};
  } else {
    open_.erase(found);
  }
  records_ -= work.parts.size();
  if (work.in_pieces) ++pieces_;
  return work;
}

std::vector<TraceWork> Assembler::take_ready(bool caught_up) {
  const SteadyTime now = caught_up ? clock_.steady() : std::min(clock_.steady(), read_up_to_);
  std::vector<TraceWork> ready;
  while (!due_.empty() && due_.begin()->first <= now) ready.push_back(take(due_.begin()->second));
  return ready;
}

std::vector<TraceWork> Assembler::take_with_root() {
  std::vector<TraceId> ids;
  for (const auto& [at, id] : due_) {
    if (open_.at(id).may_go()) ids.push_back(id);
  }
  std::vector<TraceWork> ready;
  ready.reserve(ids.size());
  for (const TraceId& id : ids) ready.push_back(take(id));
  return ready;
}

bool Assembler::has_root() const {
  return std::ranges::any_of(due_,
                             [&](const auto& entry) { return open_.at(entry.second).may_go(); });
}

void Assembler::hurry(const std::optional<TraceId>& id) {
  const SteadyTime now = clock_.steady();
  if (id) return make_ready(*id, now);
  std::vector<TraceId> ids;
  ids.reserve(due_.size());
  for (const auto& entry : due_) ids.push_back(entry.second);
  for (const TraceId& waiting : ids) make_ready(waiting, now);
}

void Assembler::make_ready(const TraceId& id, SteadyTime now) {
  const auto found = open_.find(id);
  if (found == open_.end() || busy_.contains(id)) return;
  Open& open = found->second;
  const bool is_late = open.ready_at == open.late_at;
  if (open.ready_at <= now || !(open.has_top() || is_late)) return;
  unschedule(id, open);
  open.ready_at = now;
  schedule(id, open);
}

std::optional<TraceWork> Assembler::take_soonest() {
  if (due_.empty()) return std::nullopt;
  return take(due_.begin()->second);
}

std::optional<LinkHash> Assembler::accepted_link(const TraceId& id, std::uint64_t sequence) const {
  const auto found = open_.find(id);
  if (found == open_.end() || found->second.work.sequence > sequence) return std::nullopt;
  return found->second.work.accepted_link;
}

void Assembler::add_links(LinkSet& to) const {
  for (const auto& [id, open] : open_) to.insert(open.work.group.link);
}

void Assembler::for_each(const std::function<void(TraceWork&)>& change) {
  for (auto& [id, open] : open_) change(open.work);
}

void Assembler::end_busy(const TraceId& id) {
  if (busy_.erase(id) == 0) return;
  const auto rest = open_.find(id);
  if (rest != open_.end()) waiting_records_ -= rest->second.work.parts.size();
}

void Assembler::finished(const TraceId& id) {
  end_busy(id);
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  Open& open = found->second;
  unschedule(id, open);
  open.idles = false;
  open.ready_at = std::min(open.ready_at, open.late_at);
  schedule(id, open);
}

void Assembler::forget(TraceWork& work) {
  end_busy(work.trace_id);
  auto rest = open_.extract(work.trace_id);
  if (!rest) return;
  unschedule(work.trace_id, rest.mapped());
  records_ -= rest.mapped().work.parts.size();
  join(work, std::move(rest.mapped().work));
}

std::optional<SteadyTime> Assembler::next_ready() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

}  // namespace tracelink
