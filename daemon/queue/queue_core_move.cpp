#include <algorithm>
#include <cstdlib>

#include "daemon/queue/queue_core.hpp"

// How QueueCore lets a new segment take the place of others.
namespace tracelink {

Result<std::vector<JournalEntry>> QueueCore::begin_source(SegmentMove::Source& source) {
  // No entry is on its way from `unsaved` to the journal while this is held.
  const MutexLock journal_lock(journal_mutex_);
  Segment& segment = *source.segment;
  if (!copy_damaged(segment)) return Error{ErrorCode::io, "damaged bytes cannot be kept"};
  auto entries = DeliveryJournal::load(fs, paths, segment.key, segment.journal->generations());
  if (!entries) return entries;
  const MutexLock lock(mutex);
  entries->insert(entries->end(), segment.unsaved.begin(), segment.unsaved.end());
  keep_one_each(*entries);
  source.totals = segment.totals;
  segment.late.clear();
  return entries;
}

Result<std::unique_ptr<SegmentWriter>> QueueCore::open_move_target(SegmentCapacity capacity) {
  const auto charge = capacity.bytes + kJournalHeaderBytes + capacity.records * kJournalEntryBytes;
  SegmentHeader header;
  bool needs_reserve = false;
  {
    const MutexLock lock(mutex);
    const auto then = used_bytes_lock_held() + charge;
    if (then > options.max_bytes + reserve_bytes_) {
      return Error{ErrorCode::no_space, "no room to move records to"};
    }
    needs_reserve = then > options.max_bytes;
    header = {.segment_id = saved.next_segment_id++,
              .first_sequence = 1,
              .created_at = clock.wall(),
              .secret = random.next(),
              .kind = SegmentKind::moved};
    move_bytes_ = charge;
  }
  if (needs_reserve) reserve.release();
  auto writer = reserve.with([&] {
    return SegmentWriter::create(fs, paths.segment(header.segment_id), header, capacity);
  });
  if (writer) return writer;
  {
    const MutexLock lock(mutex);
    move_bytes_ = 0;
  }
  restore_reserve();
  return writer;
}

bool QueueCore::is_spoiled_lock_held(const SegmentMove& move) const {
  return std::ranges::any_of(move.sources, [&](const SegmentMove::Source& source) REQUIRES(mutex) {
    const Segment& segment = *source.segment;
    if (!is_current_lock_held(segment) || segment.dropped) return true;
    // What is not read yet has its place in this file, and what is damaged no other one.
    if (segment.hold || segment.unread_from || !segment.uncopied.empty()) return true;
    // A stretch of damage is not about one record.
    return std::ranges::any_of(segment.late, [&](const JournalEntry& entry) {
      return !source.translate(entry).has_value();
    });
  });
}

// Its place in a source would mean nothing in the target.
bool QueueCore::reader_is_inside_lock_held(const SegmentMove& move) const {
  const auto first = move.sources.front().segment->place;
  const auto last = move.sources.back().segment->place;
  const auto inside = [&](Position at) { return at.segment_id >= first && at.segment_id <= last; };
  return inside(cursor) || inside(read_up_to);
}

QueueCore::MoveState QueueCore::commit_move(SegmentMove& move) {
  const MutexLock checkpoint_lock(checkpoint_mutex_);
  const MutexLock journal_lock(journal_mutex_);  // also keeps the reader out of the sources
  {
    const MutexLock lock(mutex);
    if (is_spoiled_lock_held(move)) return MoveState::spoiled;
    if (reader_is_inside_lock_held(move)) return MoveState::not_now;
  }
  if (!note_late(move)) {
    count_failure();
    return MoveState::failed;
  }
  committing_ = &move;
  move.may_be_durable = true;
  const Segment& target = *move.target;
  const auto change = [&](Checkpoint& checkpoint) {
    for (const auto& source : move.sources) {
      checkpoint.retired += source.totals;
      checkpoint.retired_ids.push_back(source.segment->id);
      checkpoint.sealed_at.erase(source.segment->id);
      checkpoint.moved.erase(source.segment->id);
    }
    checkpoint.moved[target.id] = {.place = target.place,
                                   .records = target.counts.records,
                                   .spans = target.counts.spans,
                                   .secret = target.key.secret};
  };
  const auto stored = replace_checkpoint(change, [&]() REQUIRES(mutex) { adopt_lock_held(move); });
  if (!stored) return MoveState::failed;
  committing_ = nullptr;
  return MoveState::done;
}

// What was done in the sources since they were copied, durable in the target's journal. By
// journal_mutex_.
Result<void> QueueCore::note_late(SegmentMove& move) {
  std::vector<JournalEntry> entries;
  std::vector<std::size_t> noted;
  {
    const MutexLock lock(mutex);
    for (const auto& source : move.sources) {
      const auto& late = source.segment->late;
      for (std::size_t i = source.noted; i < late.size(); ++i) {
        const auto entry = source.translate(late[i]);
        if (!entry) return Error{ErrorCode::corrupt, "a source of moved records is damaged"};
        entries.push_back(*entry);
      }
      noted.push_back(late.size());
    }
  }
  if (!entries.empty()) {
    auto written = reserve.with([&] { return move.target->journal->write(entries); });
    if (!written) return written;
  }
  for (std::size_t i = 0; i < noted.size(); ++i) move.sources[i].noted = noted[i];
  return {};
}

void QueueCore::adopt_lock_held(SegmentMove& move) {
  auto& target = *move.target;
  std::uint64_t freed = 0;
  for (const auto& source : move.sources) {
    Segment& segment = *source.segment;
    const auto [first, last] = in_flight_of_lock_held(segment);
    for (auto at = first; at != last; ++at) {
      const auto* copy = source.find(at->second.offset);
      if (copy == nullptr) std::abort();  // it was live, so it was copied
      at->second.offset = copy->to;
      at->second.bytes = copy->bytes;
    }
    for (std::size_t i = 0; i < segment.late.size(); ++i) {
      const auto entry = source.translate(segment.late[i]);
      if (!entry) continue;  // damage found a moment ago: the copy is whole, it is sent again
      target.add_done(*entry);
      if (i < source.noted) continue;
      target.unsaved.push_back(*entry);
      ++unsaved_entries_;
    }
    target.spilled_records += segment.spilled_records;
    if (segment.unread_from) target.unread_from = 0;  // since a moment ago
    if (segment.hold) held.release(segment.hold->file);
    freed += segment.charged_bytes;
  }
  for (const auto& source : move.sources) {
    Segment& segment = *source.segment;
    segment.moving = false;
    unsaved_entries_ -= segment.unsaved.size();
    saved.sealed_at.erase(segment.id);
    unsaved_seals_.erase(segment.id);
    segments.erase(segment.place);
    undeleted_.push_back(source.segment);
  }
  segments.emplace(target.place, move.target);
  move_bytes_ = 0;
  moved_records_ += target.counts.records;
  reclaimed_bytes_ += freed - std::min(freed, target.charged_bytes);
  maintenance_due = true;  // all of it may be done by now
  look_for_moves = true;
}

bool QueueCore::give_up_move(SegmentMove& move, std::uint64_t target_id) {
  const MutexLock checkpoint_lock(checkpoint_mutex_);
  if (move.may_be_durable && !replace_checkpoint([](Checkpoint&) {})) return false;
  const MutexLock journal_lock(journal_mutex_);
  committing_ = nullptr;
  auto leftover = move.target;
  const MutexLock lock(mutex);
  for (const auto& source : move.sources) {
    source.segment->moving = false;
    source.segment->late.clear();
  }
  if (!leftover) {
    leftover = std::make_shared<Segment>();
    leftover->id = target_id;
    leftover->journal =
        std::make_unique<DeliveryJournal>(fs, paths, SegmentKey{.segment_id = target_id}, 0);
  }
  leftover->charged_bytes = move_bytes_;
  move_bytes_ = 0;
  undeleted_.push_back(std::move(leftover));
  maintenance_due = true;
  return true;
}

}  // namespace tracelink
