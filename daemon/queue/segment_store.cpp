#include "daemon/queue/segment_store.hpp"

#include <algorithm>
#include <set>

namespace tracelink {

Result<void> SegmentStore::save_checkpoint() {
  const MutexLock lock(checkpoint_);
  return replace_checkpoint([](Checkpoint&) {});
}

Result<void> SegmentStore::count_removed(std::uint64_t spans, std::uint64_t changes) {
  const MutexLock lock(checkpoint_);
  return replace_checkpoint([&](Checkpoint& checkpoint) {
    checkpoint.retired.spans.dead_lettered -= spans;
    checkpoint.retired.spans.dropped_removed += spans;
    checkpoint.retired.changes.dead_lettered -= changes;
    checkpoint.retired.changes.dropped_removed += changes;
  });
}

void SegmentStore::change_totals(const std::function<void()>& change) {
  const MutexLock lock(checkpoint_);
  change();
}

Result<void> SegmentStore::replace_checkpoint(const std::function<void(Checkpoint&)>& change,
                                              const std::function<void(QueueState&)>& adopt) {
  Checkpoint checkpoint;
  {
    const auto state = core_.state.lock();
    if (!state->checkpoint_known) return Error{ErrorCode::io, "the checkpoint cannot be read"};
    checkpoint = state->saved;
    change(checkpoint);
  }
  const auto bytes = encode_checkpoint(checkpoint);
  auto stored = core_.reserve.with(
      [&] { return write_file_durably(core_.fs, core_.paths.checkpoint(), bytes); });
  if (!stored) {
    core_.count_failure();
    return stored;
  }
  const auto state = core_.state.lock();
  state->saved.retired = checkpoint.retired;
  state->saved.retired_ids = std::move(checkpoint.retired_ids);
  state->saved.moved = std::move(checkpoint.moved);
  if (adopt) adopt(*state);
  // From here on a retired segment is counted in `saved.retired` only.
  for (const auto id : state->saved.retired_ids) state->forget(id);
  std::erase_if(state->unsaved_seals, [&](auto id) { return checkpoint.sealed_at.contains(id); });
  return {};
}

void SegmentStore::retire_done_segments() {
  const MutexLock checkpoint_lock(checkpoint_);
  delete_undeleted_files();
  std::vector<std::shared_ptr<Segment>> done;
  {
    const auto state = core_.state.lock();
    if (!state->checkpoint_known) return;
    done = state->done_segments();
  }
  std::erase_if(done, [this](const auto& segment) { return !copy_damaged(segment); });
  if (done.empty()) return;
  const auto stored = replace_checkpoint([&](Checkpoint& checkpoint) {
    for (const auto& segment : done) {
      checkpoint.retired += segment->totals;
      checkpoint.retired_ids.push_back(segment->id);
      checkpoint.sealed_at.erase(segment->id);
      checkpoint.moved.erase(segment->id);
    }
  });
  if (!stored) return;
  {
    const auto state = core_.state.lock();
    state->undeleted.insert(state->undeleted.end(), done.begin(), done.end());
  }
  delete_undeleted_files();
  restore_reserve();
}

// Not while the room is lent to a move.
void SegmentStore::restore_reserve() {
  if (core_.used_bytes(*core_.state.lock()) > core_.options.max_bytes) return;
  core_.reserve.restore();
}

// A file that cannot be deleted takes its room all the same, until it can be; the checkpoint names
// it until then.
void SegmentStore::delete_undeleted_files() {
  const auto undeleted = core_.state.lock()->undeleted;
  if (undeleted.empty()) return;
  std::set<std::shared_ptr<Segment>> gone;
  for (const auto& segment : undeleted) {
    if (remove_files(*segment)) gone.insert(segment);
  }
  const bool durable = !gone.empty() && core_.fs.sync_directory(core_.paths.queue).has_value();
  if (!durable || gone.size() < undeleted.size()) core_.count_failure();
  const auto state = core_.state.lock();
  std::erase_if(state->undeleted, [&](const auto& segment) { return gone.contains(segment); });
  if (!durable) return;  // the next start may find them once more
  for (const auto& segment : gone) std::erase(state->saved.retired_ids, segment->id);
}

bool SegmentStore::remove_files(const Segment& segment) {
  const MutexLock lock(journals_);
  // A journal that is left without its segment would tell of spans that nobody has counted.
  return segment.journal->remove() && core_.fs.remove(core_.paths.segment(segment.id));
}

bool SegmentStore::copy_damaged(const std::shared_ptr<Segment>& segment) {
  {
    const auto state = core_.state.lock();
    if (!segment->held_copy.empty()) return false;
  }
  return copy_gaps(segment).has_value();
}

// Nothing: the segment is gone.
Result<void> SegmentStore::copy_held(const std::shared_ptr<Segment>& segment) {
  if (!segment) return {};
  if (auto copied = copy_gaps(segment); !copied) return copied;
  const auto state = core_.state.lock();
  segment->held_copy.clear();
  core_.signal.want_maintenance();
  core_.signal.want_moves();
  return {};
}

Result<void> SegmentStore::copy_gaps(const std::shared_ptr<Segment>& segment) {
  std::vector<Gap> gaps;
  {
    const auto state = core_.state.lock();
    gaps = std::exchange(segment->uncopied, {});
  }
  Result<void> result;
  std::erase_if(gaps, [&](const Gap& gap) {
    auto copied = copy_gap(segment->id, gap);
    const bool done = copied.has_value();
    if (!done) result = std::move(copied);
    return done;
  });
  if (gaps.empty()) return {};
  const auto state = core_.state.lock();
  ++state->write_failures;
  segment->uncopied.insert(segment->uncopied.end(), gaps.begin(), gaps.end());
  if (segment->held_copy.empty()) {
    const auto name = QueuePaths::damaged(segment->id, gaps.front().begin);
    segment->held_copy = core_.paths.quarantine / name;
    core_.held.hold(StateFile::quarantine, segment->held_copy, result.error(),
                    [this, waiting = std::weak_ptr(segment)] { return copy_held(waiting.lock()); });
  }
  return result;
}

Result<void> SegmentStore::copy_gap(std::uint64_t segment_id, const Gap& gap) {
  auto file = core_.fs.open_read_only(core_.paths.segment(segment_id));
  auto bytes = file ? (*file)->read_at(gap.begin, static_cast<std::size_t>(gap.end - gap.begin))
                    : Result<std::string>(file.error());
  if (!bytes) return std::move(bytes).error();
  auto kept = core_.quarantine.keep(QueuePaths::damaged(segment_id, gap.begin), *bytes);
  // A full disk is a bound like the quarantine's own: keeping the segment would keep it full.
  if (!kept && kept.error().code == ErrorCode::no_space) return {};
  return kept;
}

Result<void> SegmentStore::save_journals() {
  const MutexLock lock(journals_);
  const auto work = core_.state.lock()->take_unsaved();
  Result<void> result;
  for (const auto& [segment, entries] : work) {
    auto written = core_.reserve.with([&] { return segment->journal->write(entries); });
    if (written) continue;
    result = std::move(written);
    const auto state = core_.state.lock();
    ++state->write_failures;
    state->put_back(*segment, entries);
  }
  // Whichever checkpoint a crash leaves, the journals that belong to it know this.
  if (result && committing_ != nullptr) {
    result = note_done_while_moving(*committing_);
    if (!result) core_.count_failure();
  }
  return result;
}

void SegmentStore::save_journals_if_many() {
  if (!core_.state.lock()->has_many_unsaved()) return;
  (void)save_journals().has_value();  // counted; what was not saved is tried again later
}

Result<std::vector<JournalEntry>> SegmentStore::accounted_for(std::uint64_t place) {
  const MutexLock lock(journals_);
  SegmentKey key;
  std::uint64_t generations = 0;
  {
    const auto state = core_.state.lock();
    const auto segment = state->find(place);
    if (!segment) return std::vector<JournalEntry>();
    key = segment->key;
    generations = segment->journal->generations();
    state->cursor = {place, 0};  // from here on it stays where it is
  }
  auto entries = DeliveryJournal::load(core_.fs, core_.paths, key, generations);
  if (!entries) return entries;
  const auto state = core_.state.lock();
  const auto segment = state->find(place);
  if (!segment) return entries;
  entries->insert(entries->end(), segment->unsaved.begin(), segment->unsaved.end());
  keep_one_each(*entries);
  std::uint64_t records = 0;
  for (const auto& entry : *entries) records += entry.records;
  // The journal has lost entries since they were written: their records are sent once more.
  if (records < segment->done_records && !segment->dropped) segment->replace_done(*entries);
  const auto [first, last] = state->in_flight_of(*segment);
  for (auto at = first; at != last; ++at) {
    entries->push_back({.offset = at->second.offset,
                        .delivered = at->second.spans + at->second.changes,
                        .bytes = at->second.bytes,
                        .changes = at->second.changes});
  }
  keep_one_each(*entries);
  return entries;
}

Result<std::unique_ptr<SegmentReader>> SegmentStore::open(std::uint64_t place) const {
  SegmentKey key;
  {
    const auto state = core_.state.lock();
    const auto segment = state->find(place);
    if (!segment) return Error{ErrorCode::io, "the segment is gone"};
    key = segment->key;
  }
  auto file = core_.fs.open_read_only(core_.paths.segment(key.segment_id));
  if (!file) return std::move(file).error();
  return std::make_unique<SegmentReader>(*std::move(file), key);
}

bool SegmentStore::is_certainly_gone(std::uint64_t segment_id) const {
  const auto there = core_.fs.exists(core_.paths.segment(segment_id));
  return there && !*there && core_.fs.list(core_.paths.queue);
}

bool SegmentStore::has_vanished(std::uint64_t place, std::uint64_t segment_id) const {
  {
    const auto state = core_.state.lock();
    const auto segment = state->find(place, segment_id);
    if (!segment || !segment->closed) return false;
  }
  return is_certainly_gone(segment_id);
}

}  // namespace tracelink
