#include <algorithm>
#include <cstdlib>

#include "daemon/queue/segment_store.hpp"

// How SegmentStore lets a new segment take the place of others.
namespace tracelink {
namespace {

bool is_spoiled(const SegmentMove& move, const QueueState& state) {
  return std::ranges::any_of(move.sources, [&](const SegmentMove::Source& source) {
    const Segment& segment = *source.segment;
    if (!state.is_current(segment) || segment.dropped) return true;
    // What is not read yet has its place in this file, and what is damaged no other one.
    if (segment.hold || segment.unread_from || !segment.uncopied.empty()) return true;
    // A stretch of damage is not about one record.
    return std::ranges::any_of(segment.done_while_moving, [&](const JournalEntry& entry) {
      return !source.translate(entry).has_value();
    });
  });
}

// Its place in a source would mean nothing in the target.
bool reader_is_inside(const SegmentMove& move, const QueueState& state) {
  const auto first = move.sources.front().segment->place;
  const auto last = move.sources.back().segment->place;
  const auto inside = [&](ReadPoint at) { return at.place >= first && at.place <= last; };
  return inside(state.cursor) || inside(state.read_up_to);
}

// What is in flight of a source lies in the target from now on, and what was done since it was
// copied is done there.
void hand_over(const SegmentMove::Source& source, Segment& target, QueueState& state) {
  Segment& segment = *source.segment;
  const auto [first, last] = state.in_flight_of(segment);
  for (auto at = first; at != last; ++at) {
    const auto* copy = source.find(at->second.offset);
    if (copy == nullptr) std::abort();  // it was live, so it was copied
    at->second.offset = copy->to;
    at->second.bytes = copy->bytes;
  }
  for (std::size_t i = 0; i < segment.done_while_moving.size(); ++i) {
    const auto entry = source.translate(segment.done_while_moving[i]);
    if (!entry) continue;  // damage found a moment ago: the copy is whole, it is sent again
    target.add_done(*entry);
    if (i < source.noted) continue;
    target.unsaved.push_back(*entry);
    ++state.unsaved_entries;
  }
  target.spilled_records += segment.spilled_records;
  if (segment.unread_from) target.unread_from = 0;  // since a moment ago
}

void replace_sources(SegmentMove& move, QueueState& state) {
  auto& target = *move.target;
  std::uint64_t freed = 0;
  for (const auto& source : move.sources) {
    hand_over(source, target, state);
    freed += source.segment->charged_bytes;
  }
  for (const auto& source : move.sources) {
    source.segment->moving = false;
    state.forget(source.segment->id);
    state.undeleted.push_back(source.segment);
  }
  state.segments.emplace(target.place, move.target);
  state.move_bytes = 0;
  state.moved_records += target.counts.records;
  state.reclaimed_bytes += freed - std::min(freed, target.charged_bytes);
}

}  // namespace

Result<std::vector<JournalEntry>> SegmentStore::begin_source(SegmentMove::Source& source) {
  const MutexLock lock(journals_);
  Segment& segment = *source.segment;
  if (!copy_damaged(source.segment)) return Error{ErrorCode::io, "damaged bytes cannot be kept"};
  auto entries =
      DeliveryJournal::load(core_.fs, core_.paths, segment.key, segment.journal->generations());
  if (!entries) return entries;
  const auto state = core_.state.lock();
  entries->insert(entries->end(), segment.unsaved.begin(), segment.unsaved.end());
  keep_one_each(*entries);
  source.totals = segment.totals;
  segment.done_while_moving.clear();
  return entries;
}

Result<std::unique_ptr<SegmentWriter>> SegmentStore::open_move_target(SegmentCapacity capacity) {
  const auto charge = capacity.bytes + journal_bytes(capacity.records);
  SegmentHeader header;
  bool needs_reserve = false;
  {
    const auto state = core_.state.lock();
    const auto then = core_.used_bytes(*state) + charge;
    if (then > core_.options.max_bytes + core_.reserve_bytes) {
      return Error{ErrorCode::no_space, "no room to move records to"};
    }
    needs_reserve = then > core_.options.max_bytes;
    header = {.segment_id = state->saved.next_segment_id++,
              .first_sequence = 1,
              .created_at = core_.clock.wall(),
              .secret = core_.random.next(),
              .kind = SegmentKind::moved};
    state->move_bytes = charge;
  }
  if (needs_reserve) core_.reserve.release();
  auto writer = core_.reserve.with([&] {
    return SegmentWriter::create(core_.fs, core_.paths.segment(header.segment_id), header,
                                 capacity);
  });
  if (writer) return writer;
  core_.state.lock()->move_bytes = 0;
  restore_reserve();
  return writer;
}

SegmentStore::MoveState SegmentStore::commit_move(SegmentMove& move) {
  const MutexLock checkpoint_lock(checkpoint_);
  const MutexLock journal_lock(journals_);  // also keeps the reader out of the sources
  {
    const auto state = core_.state.lock();
    if (is_spoiled(move, *state)) return MoveState::spoiled;
    if (reader_is_inside(move, *state)) return MoveState::not_now;
  }
  if (!note_done_while_moving(move)) {
    core_.count_failure();
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
                                   .changes = target.counts.changes,
                                   .secret = target.key.secret};
  };
  if (!replace_checkpoint(change, [&](QueueState& state) { replace_sources(move, state); })) {
    return MoveState::failed;
  }
  committing_ = nullptr;
  core_.signal.want_maintenance();  // all of it may be done by now
  core_.signal.want_moves();
  return MoveState::done;
}

// What was done in the sources since they were copied, durable in the target's journal.
Result<void> SegmentStore::note_done_while_moving(SegmentMove& move) {
  std::vector<JournalEntry> entries;
  std::vector<std::size_t> noted;
  {
    const auto state = core_.state.lock();
    for (const auto& source : move.sources) {
      const auto& done = source.segment->done_while_moving;
      for (std::size_t i = source.noted; i < done.size(); ++i) {
        const auto entry = source.translate(done[i]);
        if (!entry) return Error{ErrorCode::corrupt, "a source of moved records is damaged"};
        entries.push_back(*entry);
      }
      noted.push_back(done.size());
    }
  }
  if (!entries.empty()) {
    auto written = core_.reserve.with([&] { return move.target->journal->write(entries); });
    if (!written) return written;
  }
  for (std::size_t i = 0; i < noted.size(); ++i) move.sources[i].noted = noted[i];
  return {};
}

bool SegmentStore::give_up_move(SegmentMove& move, std::uint64_t target_id) {
  const MutexLock checkpoint_lock(checkpoint_);
  if (move.may_be_durable && !replace_checkpoint([](Checkpoint&) {})) return false;
  const MutexLock journal_lock(journals_);
  committing_ = nullptr;
  auto leftover = move.target;
  const auto state = core_.state.lock();
  for (const auto& source : move.sources) {
    source.segment->moving = false;
    source.segment->done_while_moving.clear();
  }
  if (!leftover) {
    leftover = std::make_shared<Segment>();
    leftover->id = target_id;
    leftover->journal = std::make_unique<DeliveryJournal>(core_.fs, core_.paths,
                                                          SegmentKey{.segment_id = target_id}, 0);
  }
  leftover->charged_bytes = state->move_bytes;
  state->move_bytes = 0;
  state->undeleted.push_back(std::move(leftover));
  core_.signal.want_maintenance();
  return true;
}

}  // namespace tracelink
