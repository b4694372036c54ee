#include "daemon/forward/spill.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <string>
#include <utility>

namespace tracelink {

namespace {

// A general rescan reads again all that was spilled, and no flood has more than its share of memory
// meanwhile. Between two of them lies nine times what the last one took, so that they have a tenth
// of the time at most.
constexpr auto kBetweenGeneral = std::chrono::seconds(1);
constexpr int kRestOfGeneral = 9;
// For what no other sign would bring back.
constexpr auto kLongestAside = std::chrono::hours(1);
// Each slice looks up what is done in the segments that it reads.
constexpr std::size_t kSliceRecords = 8'192;
constexpr std::size_t kNewRecords = 2'048;
constexpr std::size_t kMaxFloods = 64;
// Of what could not be read: a general rescan looks everywhere.
constexpr Position kAnywhere{};
constexpr Position kNowhere{std::numeric_limits<std::uint64_t>::max(), 0};

// A key for the filters: parts of one trace that came under different links, or to different
// experiments, differ.
TraceId in_group(TraceId id, const GroupKey& group) {
  std::uint64_t experiment = std::hash<std::string>()(group.experiment);
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const std::uint64_t mixed = id.bytes[i] ^ group.link.bytes[i] ^ (experiment & 0xFF);
    id.bytes[i] = static_cast<std::uint8_t>(mixed);
    experiment = std::rotr(experiment, 8);
  }
  return id;
}

// What a mark keeps out of memory.
auto closed_for(const TraceWork& work) {
  return [again = work.again](const auto& mark) { return !(again && mark.open); };
}

}  // namespace

Spill::Spill(RecordSource& source, const Clock& clock, RandomSource& random)
    : source_(source),
      clock_(clock),
      held_ids_(random.next()),
      newly_held_ids_(random.next()),
      flood_ids_(random.next()),
      newly_flood_ids_(random.next()),
      flood_parts_(random.next()),
      mixed_ids_(random.next()),
      passed_ids_(random.next()) {}

void Spill::note_read(const StoredRecord& stored) {
  if (!scanning_) {
    new_left_ -= std::min<std::size_t>(new_left_, 1);
  } else if (stored.again) {
    cursor_ = stored.position;
    slice_left_ -= std::min<std::size_t>(slice_left_, 1);
  } else if (!source_.is_rescanning()) {
    end();
  }
}

void Spill::note_end() {
  new_left_ = 0;
  if (scanning_) end();
}

template <class Self, class Wanted>
auto Spill::find_mark(Self& self, const GroupKey& group, Wanted wanted) -> decltype(&self.others_) {
  for (const FailureScope scope : {FailureScope::link, FailureScope::experiment}) {
    if (self.held_.empty()) break;
    const auto found = self.held_.find(scope_key(scope, group));
    if (found != self.held_.end() && wanted(found->second)) return &found->second;
  }
  const auto flood = self.floods_.find(group);
  const bool found = flood != self.floods_.end() && wanted(flood->second);
  return found ? &flood->second : nullptr;
}

bool Spill::may_follow_held(const TraceId& id) const {
  return held_ids_.contains(id) || newly_held_ids_.contains(id);
}

// A general rescan has read what came before it; one for floods not what is held, and not every
// flood.
bool Spill::follows(const TraceId& id) const {
  if (passed_ids_.contains(id)) return true;
  return !general_ && (may_follow_held(id) || mixed_ids_.contains(id));
}

bool Spill::keeps(const TraceWork& work) const {
  if (empty()) return false;
  if (find_mark(*this, work.group, closed_for(work)) != nullptr) return true;
  return !work.again && may_have(work.trace_id);
}

bool Spill::may_have(const TraceId& id) const {
  if (empty()) return false;
  return may_follow_held(id) || flood_ids_.contains(id) || newly_flood_ids_.contains(id);
}

void Spill::put(const TraceWork& work) {
  Mark* mark = find_mark(*this, work.group, closed_for(work));
  if (mark == nullptr) mark = &others_;  // it follows its trace
  const auto flood = floods_.find(work.group);
  const bool is_flood = flood != floods_.end() && mark == &flood->second;
  if (is_flood) {
    remember_flood(work);
  } else {
    remember(held_ids_, newly_held_ids_, work);
  }
  spill(*mark, work);
}

void Spill::remember(TraceIdFilter& ids, TraceIdFilter& new_ids, const TraceWork& work) {
  (has_more_slices() ? new_ids : ids).add(work.trace_id);
  passed_ids_.add(work.trace_id);
}

void Spill::remember_flood(const TraceWork& work) {
  const bool is_known =
      flood_ids_.contains(work.trace_id) || newly_flood_ids_.contains(work.trace_id);
  const TraceId part = in_group(work.trace_id, work.group);
  if (work.is_mixed || (is_known && !flood_parts_.contains(part))) mixed_ids_.add(work.trace_id);
  flood_parts_.add(part);
  remember(flood_ids_, newly_flood_ids_, work);
}

void Spill::spill(Mark& mark, const TraceWork& work) {
  for (const Part& part : work.parts) {
    source_.spill(part.position);
    // The first part may have been moved behind the others.
    mark.first = std::min(mark.first.value_or(part.position), part.position);
  }
  has_others_ |= &mark == &others_;
  mark.records += work.parts.size();
  records_ += work.parts.size();
  if (latest_general_ == SteadyTime::max()) latest_general_ = clock_.steady() + kLongestAside;
}

void Spill::note_back(const GroupKey& group) {
  const auto has_records = [](const Mark& mark) { return mark.records > 0; };
  Mark* mark = find_mark(*this, group, has_records);
  if (mark == nullptr) mark = &others_;
  mark->records -= std::min<std::size_t>(mark->records, 1);
  records_ -= std::min<std::size_t>(records_, 1);
}

void Spill::put_held(const TraceWork& work, const ScopeKey& scope) {
  remember(held_ids_, newly_held_ids_, work);
  Mark& mark = scope.scope == FailureScope::server ? others_ : held_[scope];
  mark.open = false;
  spill(mark, work);
}

void Spill::put_flood(const TraceWork& work) {
  remember_flood(work);
  Mark& mark = floods_[work.group];
  mark.open = false;
  spill(mark, work);
}

bool Spill::may_flood(const GroupKey& group) const {
  return floods_.size() < kMaxFloods || floods_.contains(group);
}

std::size_t Spill::records_of(const ScopeKey& scope) const {
  if (scope.scope == FailureScope::server) return records_;
  const auto found = held_.find(scope);
  return found == held_.end() ? 0 : found->second.records;
}

Position Spill::oldest(const Mark& mark) const {
  const Position first = mark.first.value_or(kNowhere);
  return unfinished_ ? std::min(first, cursor_) : first;
}

template <class Visit>
void Spill::for_each_mark(Visit visit) {
  for (auto& [scope, mark] : held_) visit(mark);
  for (auto& [group, mark] : floods_) visit(mark);
  visit(others_);
}

// What one flood may have in memory: something, or a rescan would bring nothing.
std::size_t Spill::quota(const Room& room) const {
  const std::size_t share = room.window_records / 4 / std::max<std::size_t>(floods_.size(), 1);
  return std::max<std::size_t>(share, 1);
}

// A flood that is held now is no part of the window.
bool Spill::is_full(const GroupKey& group, const Backlog& backlog, const Room& room) const {
  return backlog.is_held(group) ? !room.for_held : backlog.moving_records_of(group) >= quota(room);
}

bool Spill::is_low(const GroupKey& group, const Backlog& backlog, const Room& room) const {
  if (backlog.is_held(group)) return room.for_held;
  return backlog.moving_records_of(group) <= quota(room) / 2;
}

void Spill::close_full_floods(const Backlog& backlog, const Room& room) {
  for (auto& [group, mark] : floods_) {
    if (mark.open && is_full(group, backlog, room)) mark.open = false;
  }
}

bool Spill::general_is_due(const Room& room) const {
  if (held_.empty() && !has_others_) return false;
  const SteadyTime now = clock_.steady();
  const auto between = std::clamp<SteadyTime::duration>(kRestOfGeneral * general_took_,
                                                        kBetweenGeneral, kLongestAside);
  if (general_ended_ && now < *general_ended_ + between) return false;
  return scope_released_ || room.for_held || now >= latest_general_;
}

bool Spill::has_work(const Backlog& backlog, const Room& room) const {
  if (empty() || scanning_ || !room.window || new_left_ > 0) return false;
  if (has_more_slices() || general_is_due(room)) return true;
  return std::ranges::any_of(floods_,
                             [&](const auto& flood) { return is_low(flood.first, backlog, room); });
}

std::optional<Position> Spill::wanted_by_floods(const Backlog& backlog, const Room& room) {
  std::optional<Position> from;
  for (auto& [group, mark] : floods_) {
    mark.open = is_low(group, backlog, room);
    if (mark.open) from = std::min(from.value_or(kNowhere), oldest(mark));
  }
  return from;
}

void Spill::advance(const Backlog& backlog, Room room, bool scope_released) {
  scope_released_ |= scope_released;
  if (empty()) return;
  if (scanning_) {
    close_full_floods(backlog, room);
    const bool filled = !general_ && std::ranges::none_of(floods_, [](const auto& flood) {
      return flood.second.open;
    });
    if (filled || slice_left_ == 0 || !room.window) pause();
    return;
  }
  if (!room.window || new_left_ > 0) return;
  if (has_more_slices()) return go_on();
  if (general_is_due(room)) return begin({}, true);
  if (const auto from = wanted_by_floods(backlog, room)) begin(*from, false);
}

void Spill::begin(Position from, bool general) {
  if (general) {
    scope_released_ = false;
    general_took_ = {};
    latest_general_ = clock_.steady() + kLongestAside;
  }
  for_each_mark([&](Mark& mark) {
    if (mark.first && *mark.first >= from) mark.first.reset();
    if (general) mark.open = true;
  });
  passed_ids_.clear();
  general_ = general;
  unfinished_ = true;
  cursor_ = from;
  go_on();
}

void Spill::go_on() {
  scanning_ = true;
  slice_began_ = clock_.steady();
  slice_left_ = kSliceRecords;
  source_.rescan(cursor_);
}

// What was passed over since it cannot be read now comes back with a later general rescan.
void Spill::stop_scanning() {
  scanning_ = false;
  if (general_) general_took_ += clock_.steady() - slice_began_;
  if (source_.missed_spilled()) others_.first = kAnywhere;
  has_others_ |= others_.first.has_value();
}

void Spill::pause() {
  stop_scanning();
  new_left_ = kNewRecords;
  source_.end_rescan();
}

// Marks whose traces are all back are gone.
void Spill::end() {
  stop_scanning();
  unfinished_ = false;
  const auto is_empty = [](const auto& entry) { return !entry.second.first; };
  std::erase_if(floods_, is_empty);
  if (general_) std::erase_if(held_, is_empty);
  has_others_ = others_.first.has_value();
  if (!has_others_) others_.records = 0;
  for_each_mark([](Mark& mark) { mark.open = false; });
  if (empty()) records_ = 0;  // what was lost meanwhile does not come back
  const bool missed = others_.first == kAnywhere;
  if (floods_.empty() && !missed) {
    for (TraceIdFilter* ids : {&flood_ids_, &flood_parts_, &mixed_ids_}) ids->clear();
  }
  if (!general_) return;
  general_ended_ = clock_.steady();
  if (missed) return;  // later parts follow what is unread yet
  std::swap(held_ids_, newly_held_ids_);
  newly_held_ids_.clear();
  std::swap(flood_ids_, newly_flood_ids_);
  newly_flood_ids_.clear();
  if (empty()) latest_general_ = SteadyTime::max();
}

}  // namespace tracelink
