#include <algorithm>
#include <set>

#include "daemon/queue/queue_core.hpp"

// How QueueCore remembers what is done, and gives its room back: journals, checkpoint, deletion.
namespace tracelink {
namespace {

constexpr std::uint64_t kUnsavedEntriesHigh = 1024;

}  // namespace

Result<void> QueueCore::save_checkpoint() {
  const MutexLock checkpoint_lock(checkpoint_mutex_);
  return replace_checkpoint([](Checkpoint&) {});
}

Result<void> QueueCore::count_removed(std::uint64_t spans) {
  const MutexLock checkpoint_lock(checkpoint_mutex_);
  return replace_checkpoint([&](Checkpoint& checkpoint) {
    checkpoint.retired.dead_lettered -= spans;
    checkpoint.retired.dropped_removed += spans;
  });
}

Result<void> QueueCore::replace_checkpoint(const std::function<void(Checkpoint&)>& change,
                                           const std::function<void()>& adopt) {
  Checkpoint checkpoint;
  {
    const MutexLock lock(mutex);
    if (!checkpoint_known) return Error{ErrorCode::io, "the checkpoint cannot be read"};
    checkpoint = saved;
    change(checkpoint);
  }
  const auto bytes = encode_checkpoint(checkpoint);
  auto stored = reserve.with([&] { return write_file_durably(fs, paths.checkpoint(), bytes); });
  if (!stored) {
    count_failure();
    return stored;
  }
  const MutexLock lock(mutex);
  saved.retired = checkpoint.retired;
  saved.retired_ids = std::move(checkpoint.retired_ids);
  saved.moved = std::move(checkpoint.moved);
  if (adopt) adopt();
  // From here on a retired segment is counted in `saved.retired` only.
  for (const auto id : saved.retired_ids) forget_lock_held(id);
  std::erase_if(unsaved_seals_, [&](auto id) { return checkpoint.sealed_at.contains(id); });
  return {};
}

void QueueCore::retire_done_segments() {
  const MutexLock checkpoint_lock(checkpoint_mutex_);
  delete_undeleted_files();
  std::vector<std::shared_ptr<Segment>> done;
  {
    const MutexLock lock(mutex);
    if (!checkpoint_known) return;
    for (const auto& [id, segment] : segments) {
      if (segment->done() && !segment->moving) done.push_back(segment);
    }
  }
  std::erase_if(done, [this](const auto& segment) { return !copy_damaged(*segment); });
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
    const MutexLock lock(mutex);
    undeleted_.insert(undeleted_.end(), done.begin(), done.end());
  }
  delete_undeleted_files();
  restore_reserve();
}

// Not while the room is lent to a move.
void QueueCore::restore_reserve() {
  {
    const MutexLock lock(mutex);
    if (used_bytes_lock_held() > options.max_bytes) return;
  }
  reserve.restore();
}

void QueueCore::forget_lock_held(std::uint64_t id) {
  saved.sealed_at.erase(id);
  unsaved_seals_.erase(id);
  const auto found =
      std::ranges::find_if(segments, [&](const auto& entry) { return entry.second->id == id; });
  if (found == segments.end()) return;
  if (found->second->hold) held.release(found->second->hold->file);
  unsaved_entries_ -= found->second->unsaved.size();
  segments.erase(found);
}

// A file that cannot be deleted takes its room all the same, until it can be; the checkpoint names
// it until then.
void QueueCore::delete_undeleted_files() {
  std::vector<std::shared_ptr<Segment>> undeleted;
  {
    const MutexLock lock(mutex);
    undeleted = undeleted_;
  }
  if (undeleted.empty()) return;
  std::set<std::shared_ptr<Segment>> gone;
  for (const auto& segment : undeleted) {
    if (remove_files(*segment)) gone.insert(segment);
  }
  const bool durable = !gone.empty() && fs.sync_directory(paths.queue).has_value();
  if (!durable || gone.size() < undeleted.size()) count_failure();
  const MutexLock lock(mutex);
  std::erase_if(undeleted_, [&](const auto& segment) { return gone.contains(segment); });
  if (!durable) return;  // the next start may find them once more
  for (const auto& segment : gone) std::erase(saved.retired_ids, segment->id);
}

bool QueueCore::remove_files(const Segment& segment) {
  const MutexLock journal_lock(journal_mutex_);
  // A journal that is left without its segment would tell of spans that nobody has counted.
  return segment.journal->remove() && fs.remove(paths.segment(segment.id));
}

bool QueueCore::copy_damaged(Segment& segment) {
  std::vector<Gap> gaps;
  {
    const MutexLock lock(mutex);
    gaps = std::exchange(segment.uncopied, {});
  }
  std::erase_if(gaps, [&](const Gap& gap) {
    auto file = fs.open_read_only(paths.segment(segment.id));
    auto bytes = file ? (*file)->read_at(gap.begin, static_cast<std::size_t>(gap.end - gap.begin))
                      : Result<std::string>(file.error());
    if (!bytes) return false;
    const auto kept = quarantine.keep(QueuePaths::damaged(segment.id, gap.begin), *bytes);
    // A full disk is a bound like the quarantine's own: keeping the segment would keep it full.
    return kept || kept.error().code == ErrorCode::no_space;
  });
  if (gaps.empty()) return true;
  const MutexLock lock(mutex);
  ++write_failures_;
  segment.uncopied.insert(segment.uncopied.end(), gaps.begin(), gaps.end());
  return false;
}

Result<void> QueueCore::save_journals() {
  const MutexLock journal_lock(journal_mutex_);
  std::vector<std::pair<std::shared_ptr<Segment>, std::vector<JournalEntry>>> work;
  {
    const MutexLock lock(mutex);
    for (const auto& [id, segment] : segments) {
      if (segment->unsaved.empty()) continue;
      work.emplace_back(segment, std::exchange(segment->unsaved, {}));
    }
    unsaved_entries_ = 0;
  }
  Result<void> result;
  for (auto& [segment, entries] : work) {
    auto written = reserve.with([&] { return segment->journal->write(entries); });
    if (written) continue;
    count_failure();
    result = std::move(written);
    const MutexLock lock(mutex);
    if (!is_current_lock_held(*segment)) continue;  // retired meanwhile
    unsaved_entries_ += entries.size();
    segment->unsaved.insert(segment->unsaved.begin(), entries.begin(), entries.end());
  }
  // Whichever checkpoint a crash leaves, the journals that belong to it know this.
  if (result && committing_ != nullptr) {
    result = note_late(*committing_);
    if (!result) count_failure();
  }
  return result;
}

void QueueCore::save_journals_if_many() {
  {
    const MutexLock lock(mutex);
    if (unsaved_entries_ < kUnsavedEntriesHigh) return;
  }
  (void)save_journals().has_value();  // counted; what was not saved is tried again later
}

void QueueCore::note_done_lock_held(Segment& segment) {
  if (!segment.looked_at && segment.is_sparse()) {
    segment.looked_at = look_for_moves = true;
    wake.notify_one();
  }
  if (!segment.done() && unsaved_entries_ < kUnsavedEntriesHigh) return;
  maintenance_due = true;
  wake.notify_one();
}

}  // namespace tracelink
