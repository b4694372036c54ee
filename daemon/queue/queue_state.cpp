#include "daemon/queue/queue_state.hpp"

#include <algorithm>
#include <cstdlib>

namespace tracelink {
namespace {

constexpr std::uint64_t kUnsavedEntriesHigh = 1024;
// Of the journal entry of a segment whose file is gone: behind every record.
constexpr std::uint64_t kVanishedOffset = UINT64_MAX - kRecordAlignment + 1;

void check(bool invariant) {
  if (!invariant) std::abort();
}

}  // namespace

std::shared_ptr<Segment> QueueState::find(std::uint64_t place) const {
  const auto found = segments.find(place);
  return found == segments.end() ? nullptr : found->second;
}

std::shared_ptr<Segment> QueueState::find(std::uint64_t place, std::uint64_t id) const {
  auto segment = find(place);
  return segment && segment->id == id ? segment : nullptr;
}

std::shared_ptr<Segment> QueueState::holder_of(std::uint64_t origin) const {
  const auto found = segments.lower_bound(origin);
  return found == segments.end() ? nullptr : found->second;
}

bool QueueState::waits(const Segment& segment, SteadyTime now) const {
  const bool is_earlier = segment.place < first_own_segment;
  return segment.dropped || segment.waits_for_retry(now) || (is_earlier && earlier_holds_ > 0);
}

std::optional<std::uint64_t> QueueState::left_for_later(SteadyTime now) const {
  for (const auto& [place, segment] : segments) {
    if (segment->unread_from && !waits(*segment, now)) return place;
  }
  return std::nullopt;
}

// Whatever was accepted behind the place before and up to its own.
std::pair<QueueState::InFlightAt, QueueState::InFlightAt> QueueState::in_flight_of(
    const Segment& segment) {
  const auto at = segments.find(segment.place);
  const auto before = at == segments.begin() ? 0 : std::prev(at)->first;
  return {in_flight.lower_bound({before + 1, 0}), in_flight.lower_bound({segment.place + 1, 0})};
}

void QueueState::publish(const SegmentWriter& writer, std::uint64_t failed_attempts,
                         std::chrono::steady_clock::duration commit_time) {
  auto& segment = *segments.at(writer.id());
  segment.end = writer.durable_end();
  next_span += writer.counts().spans - segment.counts.spans;
  next_change += writer.counts().changes - segment.counts.changes;
  segment.set_counts(writer.counts());
  segment.next_sequence = writer.next_sequence();
  segment.spans_end = writer.counts().spans;
  segment.changes_end = writer.counts().changes;
  ++syncs_;
  commit_time_.add(commit_time);
  write_failures += failed_attempts;
}

void QueueState::close(const SegmentWriter& writer, std::uint64_t file_bytes) {
  auto& segment = *segments.at(writer.id());
  segment.closed = true;
  segment.charged_bytes = file_bytes + journal_bytes(segment.counts.records);
  signal_.want_moves();
  note_done(segment);
}

void QueueState::seal(const SegmentWriter& writer) {
  auto& segment = *segments.at(writer.id());
  segment.closed = true;
  saved.sealed_at[segment.id] = writer.durable_end();
  unsaved_seals.insert(segment.id);
  note_done(segment);
}

void QueueState::complete(const Completion& completion) {
  const auto segment = holder_of(completion.position.segment_id);
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
                           .records = 1,
                           .bytes = record->second.bytes,
                           .changes = record->second.changes};
  check(entry.spans_and_changes() == record->second.spans + record->second.changes);
  in_flight.erase(record);
  finish(*segment, entry);
}

void QueueState::finish(Segment& segment, const JournalEntry& entry) {
  segment.add_done(entry);
  segment.done_at = clock_.steady();
  segment.unsaved.push_back(entry);
  if (segment.moving) segment.done_while_moving.push_back(entry);
  ++unsaved_entries;
  note_done(segment);
}

void QueueState::note_done(Segment& segment) {
  if (!segment.looked_at && segment.is_sparse()) {
    segment.looked_at = true;
    signal_.want_moves();
  }
  if (segment.done() || has_many_unsaved()) signal_.want_maintenance();
}

void QueueState::spill(Position position) {
  const auto segment = holder_of(position.segment_id);
  if (!segment || segment->dropped) return;
  if (in_flight.erase(position) == 0) {
    check(segment->id != position.segment_id);  // else it was dropped for room
    return;
  }
  ++segment->spilled_records;
}

std::uint64_t QueueState::droppable_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [place, segment] : segments) {
    if (segment->may_be_dropped()) bytes += segment->charged_bytes;
  }
  return bytes;
}

bool QueueState::drop_oldest() {
  const auto oldest = std::ranges::find_if(
      segments, [](const auto& entry) { return entry.second->may_be_dropped(); });
  if (oldest == segments.end()) return false;
  auto& segment = *oldest->second;
  segment.totals.spans.dropped_policy += segment.live_spans();
  segment.totals.changes.dropped_policy += segment.live_changes();
  segment.done_records = segment.counts.records;
  segment.dropped = true;
  dropped_for_room += segment.charged_bytes;
  const auto [first, last] = in_flight_of(segment);
  in_flight.erase(first, last);
  return true;
}

void QueueState::count_damage(std::uint64_t place, std::uint64_t segment_id,
                              const JournalEntry& entry) {
  const auto segment = find(place, segment_id);
  if (segment && !segment->dropped) finish(*segment, entry);
}

void QueueState::count_damage(Position position, std::uint64_t segment_id) {
  const auto segment = holder_of(position.segment_id);
  const auto record = in_flight.find(position);
  if (!segment || segment->dropped || record == in_flight.end()) return;
  if (segment->id != segment_id) return;  // moved meanwhile: the copy is whole
  const JournalEntry entry{.offset = record->second.offset,
                           .damaged = record->second.spans + record->second.changes,
                           .records = 1,
                           .bytes = record->second.bytes,
                           .changes = record->second.changes};
  in_flight.erase(record);
  finish(*segment, entry);
}

void QueueState::count_vanished(std::uint64_t place, std::uint64_t segment_id) {
  const auto found = find(place, segment_id);
  if (!found || found->dropped) return;
  auto& segment = *found;
  auto spans = segment.live_spans();
  auto changes = segment.live_changes();
  auto records = segment.live_records();
  auto bytes = segment.counts.record_bytes - segment.done_bytes;
  const auto [first, last] = in_flight_of(segment);
  for (auto at = first; at != last; ++at) {
    spans -= at->second.spans;
    changes -= at->second.changes;
    records -= 1;
    bytes -= at->second.bytes;
  }
  segment.spilled_records = 0;
  segment.uncopied.clear();
  segment.unread_from.reset();
  release_hold(segment);
  if (records == 0) return;
  finish(segment, {.offset = kVanishedOffset,
                   .damaged = static_cast<std::uint32_t>(spans + changes),
                   .records = static_cast<std::uint32_t>(records),
                   .bytes = static_cast<std::uint32_t>(bytes),
                   .changes = static_cast<std::uint32_t>(changes)});
}

void QueueState::hold_segment(ReadPoint at, std::uint64_t segment_id, StateFile kind,
                              const std::string& file, const Error& error) {
  const auto segment = find(at.place, segment_id);
  if (!segment || segment->dropped) return;
  auto& hold = segment->hold;
  if (!hold) hold.emplace();
  if (hold->file != file && !hold->file.empty()) held_.release(hold->file);
  hold->offset = at.offset;
  hold->file = file;
  hold->retry_at = clock_.steady() + held_retry_delay(hold->failures++);
  held_.hold(kind, file, error);
}

void QueueState::note_readable(ReadPoint at, std::uint64_t segment_id) {
  const auto segment = find(at.place, segment_id);
  if (!segment) return;
  if (segment->unread_from) segment->unread_from = std::max(*segment->unread_from, at.offset);
  if (segment->hold && at.offset > segment->hold->offset) release_hold(*segment);
}

void QueueState::release_hold(Segment& segment) {
  if (segment.hold) held_.release(segment.hold->file);
  segment.hold.reset();
}

void QueueState::hold_earlier(int change) {
  earlier_holds_ += change;
  if (earlier_holds_ == 0) return;
  // Later ones are read before them.
  for (const auto& [place, segment] : segments) {
    if (place < first_own_segment && !segment->unread_from) segment->unread_from = 0;
  }
}

void QueueState::forget(std::uint64_t id) {
  saved.sealed_at.erase(id);
  unsaved_seals.erase(id);
  const auto found =
      std::ranges::find_if(segments, [&](const auto& entry) { return entry.second->id == id; });
  if (found == segments.end()) return;
  release_hold(*found->second);
  unsaved_entries -= found->second->unsaved.size();
  segments.erase(found);
}

std::vector<std::shared_ptr<Segment>> QueueState::done_segments() const {
  std::vector<std::shared_ptr<Segment>> done;
  for (const auto& [place, segment] : segments) {
    if (segment->done() && !segment->moving) done.push_back(segment);
  }
  return done;
}

QueueState::Unsaved QueueState::take_unsaved() {
  Unsaved work;
  for (const auto& [place, segment] : segments) {
    if (segment->unsaved.empty()) continue;
    work.emplace_back(segment, std::exchange(segment->unsaved, {}));
  }
  unsaved_entries = 0;
  return work;
}

void QueueState::put_back(Segment& segment, const std::vector<JournalEntry>& entries) {
  if (!is_current(segment)) return;  // retired meanwhile
  unsaved_entries += entries.size();
  segment.unsaved.insert(segment.unsaved.begin(), entries.begin(), entries.end());
}

bool QueueState::has_many_unsaved() const { return unsaved_entries >= kUnsavedEntriesHigh; }

std::uint64_t QueueState::segments_bytes() const {
  std::uint64_t bytes = move_bytes;
  for (const auto& [place, segment] : segments) bytes += segment->charged_bytes;
  for (const auto& segment : undeleted) bytes += segment->charged_bytes;
  return bytes;
}

// A lower bound, known without reading on.
std::optional<WallTime> QueueState::oldest_unread() const {
  for (const auto& [place, segment] : segments) {
    if (segment->counts.records == segment->done_records) continue;
    const bool has_unread = segment->has_unread();
    if (place == cursor.place && !has_unread) {
      if (cursor.offset >= segment->end) continue;
      return clock_steps_.as_of_now(cursor_sequence, cursor_accepted_at);
    }
    if (!has_unread && place < cursor.place) continue;
    return clock_steps_.as_of_now(segment->first_sequence, segment->counts.first_accepted_at);
  }
  return std::nullopt;
}

std::optional<WallTime> QueueState::oldest_accepted_at() const {
  const auto unread = oldest_unread();
  if (in_flight.empty()) return unread;
  const InFlight& first = in_flight.begin()->second;
  const WallTime in_memory = clock_steps_.as_of_now(first.sequence, first.accepted_at);
  return std::min(unread.value_or(in_memory), in_memory);
}

QueueStats QueueState::stats() const {
  Balance all = saved.retired;
  QueueStats stats;
  for (const auto& [id, segment] : segments) {
    all += segment->totals;
    stats.queued_records += segment->counts.records - segment->done_records;
    stats.queued_bytes += segment->counts.record_bytes - segment->done_bytes;
  }
  stats.oldest_accepted_at = oldest_accepted_at();
  const Totals& totals = all.spans;
  stats.changes = all.changes;
  stats.accepted = totals.accepted;
  stats.delivered = totals.delivered;
  stats.dead_lettered = totals.dead_lettered;
  stats.duplicate = totals.duplicate;
  stats.damaged = totals.damaged;
  stats.dropped_policy = totals.dropped_policy;
  stats.dropped_age = totals.dropped_age;
  stats.dropped_removed = totals.dropped_removed;
  stats.replayed = totals.replayed;
  stats.queued_spans = totals.queued();
  stats.totals_known = totals_known;
  stats.unaccounted = saved.unaccounted;
  stats.unaccounted_changes = saved.unaccounted_changes;
  stats.syncs = syncs_;
  stats.commit_time = commit_time_;
  stats.write_failures = write_failures;
  stats.segments = segments.size();
  stats.moved_records = moved_records;
  stats.reclaimed_bytes = reclaimed_bytes;
  stats.full = full;
  return stats;
}

}  // namespace tracelink
