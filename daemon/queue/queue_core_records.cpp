#include <algorithm>
#include <cstdlib>

#include "daemon/queue/queue_core.hpp"

// What becomes of the records that QueueCore gave out, and of those that cannot be read.
namespace tracelink {
namespace {

// Of the journal entry of a segment whose file is gone: behind every record.
constexpr std::uint64_t kVanishedOffset = UINT64_MAX - kRecordAlignment + 1;

void check(bool invariant) {
  if (!invariant) std::abort();
}

}  // namespace

// Whatever was accepted behind the place before and up to its own.
std::pair<QueueCore::InFlightAt, QueueCore::InFlightAt> QueueCore::in_flight_of_lock_held(
    const Segment& segment) {
  const auto at = segments.find(segment.place);
  const auto before = at == segments.begin() ? 0 : std::prev(at)->first;
  return {in_flight.lower_bound({before + 1, 0}), in_flight.lower_bound({segment.place + 1, 0})};
}

void QueueCore::complete(const Completion& completion) {
  const MutexLock lock(mutex);
  const auto segment = find_segment_lock_held(completion.position.segment_id);
  if (!segment || segment->dropped) return;
  const auto record = in_flight.find(completion.position);
  if (record == in_flight.end()) {
    check(segment->id != completion.position.segment_id);  // else it was dropped for room
    return;
  }
  const JournalEntry entry{.offset = record->second.offset,
                           .delivered = completion.delivered,
                           .dead_lettered = completion.dead_lettered,
                           .duplicate = completion.duplicate,
                           .dropped_policy = completion.dropped_policy,
                           .dropped_age = completion.dropped_age,
                           .records = 1,
                           .bytes = record->second.bytes};
  check(entry.spans() == record->second.spans);
  in_flight.erase(record);
  finish_lock_held(*segment, entry);
}

void QueueCore::finish_lock_held(Segment& segment, const JournalEntry& entry) {
  segment.add_done(entry);
  segment.done_at = clock.steady();
  segment.unsaved.push_back(entry);
  if (segment.moving) segment.late.push_back(entry);
  ++unsaved_entries_;
  note_done_lock_held(segment);
}

void QueueCore::spill(Position position) {
  const MutexLock lock(mutex);
  const auto segment = find_segment_lock_held(position.segment_id);
  if (!segment || segment->dropped) return;
  if (in_flight.erase(position) == 0) {
    check(segment->id != position.segment_id);  // else it was dropped for room
    return;
  }
  ++segment->spilled_records;
}

Result<std::vector<JournalEntry>> QueueCore::accounted_for(std::uint64_t place) {
  // No entry is on its way from `unsaved` to the journal while this is held, and no segment on its
  // way to another.
  const MutexLock journal_lock(journal_mutex_);
  SegmentKey key;
  std::uint64_t generations = 0;
  {
    const MutexLock lock(mutex);
    const auto found = segments.find(place);
    if (found == segments.end()) return std::vector<JournalEntry>();
    key = found->second->key;
    generations = found->second->journal->generations();
    cursor = {place, 0};  // from here on it stays where it is
  }
  auto entries = DeliveryJournal::load(fs, paths, key, generations);
  if (!entries) return entries;
  const MutexLock lock(mutex);
  const auto found = segments.find(place);
  if (found == segments.end()) return entries;
  Segment& segment = *found->second;
  entries->insert(entries->end(), segment.unsaved.begin(), segment.unsaved.end());
  keep_one_each(*entries);
  std::uint64_t records = 0;
  for (const auto& entry : *entries) records += entry.records;
  // The journal has lost entries since they were written: their records are sent once more.
  if (records < segment.done_records && !segment.dropped) segment.replace_done(*entries);
  const auto [first, last] = in_flight_of_lock_held(segment);
  for (auto at = first; at != last; ++at) {
    entries->push_back(
        {.offset = at->second.offset, .delivered = at->second.spans, .bytes = at->second.bytes});
  }
  keep_one_each(*entries);
  return entries;
}

void QueueCore::count_damage(std::uint64_t place, std::uint64_t segment_id,
                             const JournalEntry& entry) {
  const MutexLock lock(mutex);
  const auto found = segments.find(place);
  if (found == segments.end() || found->second->id != segment_id || found->second->dropped) return;
  finish_lock_held(*found->second, entry);
}

void QueueCore::count_damage(Position position, std::uint64_t segment_id) {
  const MutexLock lock(mutex);
  const auto segment = find_segment_lock_held(position.segment_id);
  const auto record = in_flight.find(position);
  if (!segment || segment->dropped || record == in_flight.end()) return;
  if (segment->id != segment_id) return;  // moved meanwhile: the copy is whole
  const JournalEntry entry{.offset = record->second.offset,
                           .damaged = record->second.spans,
                           .records = 1,
                           .bytes = record->second.bytes};
  in_flight.erase(record);
  finish_lock_held(*segment, entry);
}

void QueueCore::hold_earlier(int change) {
  const MutexLock lock(mutex);
  earlier_holds += change;
  if (earlier_holds == 0) return;
  // Later ones are read before them.
  for (const auto& [place, segment] : segments) {
    if (place < first_own_segment && !segment->unread_from) segment->unread_from = 0;
  }
}

bool QueueCore::waits_lock_held(const Segment& segment, SteadyTime now) const {
  const bool is_earlier = segment.place < first_own_segment;
  return segment.dropped || segment.waits_for_retry(now) || (is_earlier && earlier_holds > 0);
}

bool QueueCore::is_certainly_gone(std::uint64_t segment_id) const {
  const auto there = fs.exists(paths.segment(segment_id));
  return there && !*there && fs.list(paths.queue);
}

void QueueCore::count_vanished(std::uint64_t place, std::uint64_t segment_id) {
  const MutexLock lock(mutex);
  const auto found = segments.find(place);
  if (found == segments.end() || found->second->id != segment_id || found->second->dropped) return;
  auto& segment = *found->second;
  auto spans = segment.live_spans();
  auto records = segment.live_records();
  auto bytes = segment.counts.record_bytes - segment.done_bytes;
  const auto [first, last] = in_flight_of_lock_held(segment);
  for (auto at = first; at != last; ++at) {
    spans -= at->second.spans;
    records -= 1;
    bytes -= at->second.bytes;
  }
  segment.spilled_records = 0;
  segment.uncopied.clear();
  segment.unread_from.reset();
  if (segment.hold) held.release(segment.hold->file);
  segment.hold.reset();
  if (records == 0) return;
  finish_lock_held(segment, {.offset = kVanishedOffset,
                             .damaged = static_cast<std::uint32_t>(spans),
                             .records = static_cast<std::uint32_t>(records),
                             .bytes = static_cast<std::uint32_t>(bytes)});
}

void QueueCore::hold_segment(Position at, std::uint64_t segment_id, StateFile kind,
                             const std::string& file, const Error& error) {
  const MutexLock lock(mutex);
  const auto found = segments.find(at.segment_id);
  if (found == segments.end() || found->second->id != segment_id || found->second->dropped) return;
  auto& hold = found->second->hold;
  if (!hold) hold.emplace();
  if (hold->file != file && !hold->file.empty()) held.release(hold->file);
  hold->offset = at.offset;
  hold->file = file;
  hold->retry_at = clock.steady() + held_retry_delay(hold->failures++);
  held.hold(kind, file, error);
}

void QueueCore::note_readable(Position at, std::uint64_t segment_id) {
  const MutexLock lock(mutex);
  const auto found = segments.find(at.segment_id);
  if (found == segments.end() || found->second->id != segment_id) return;
  auto& segment = *found->second;
  if (segment.unread_from) segment.unread_from = std::max(*segment.unread_from, at.offset);
  if (!segment.hold || at.offset <= segment.hold->offset) return;
  held.release(segment.hold->file);
  segment.hold.reset();
}

}  // namespace tracelink
