#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "daemon/base/mutex.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/queue/checkpoint.hpp"
#include "daemon/queue/delivery_journal.hpp"
#include "daemon/queue/disk_reserve.hpp"
#include "daemon/queue/link_store.hpp"
#include "daemon/queue/quarantine.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/queue/queue_paths.hpp"
#include "daemon/queue/segment_move.hpp"
#include "daemon/queue/segment_scan.hpp"
#include "daemon/queue/segment_writer.hpp"
#include "daemon/queue/trace_notes.hpp"

namespace tracelink {

// A segment that could not be read on from `offset`: it, or its journal, is held.
struct SegmentHold {
  std::uint64_t offset = 0;
  std::uint64_t failures = 0;
  SteadyTime retry_at{};
  std::string file;
};

// What the queue knows about one segment file.
struct Segment {
  std::uint64_t id = 0;  // of its file
  // Its key among the segments, in the order of acceptance: the id; if its records were moved, the
  // place of the last segment that they came from.
  std::uint64_t place = 0;
  bool moved = false;  // its records were accepted, and their spans counted, in earlier segments
  SegmentKey key;
  std::uint64_t first_sequence = 0;         // 0: unknown
  std::uint64_t end = kSegmentHeaderBytes;  // delivery reads below this; all of it is durable
  bool closed = false;                      // nothing is appended any more
  bool dropped = false;                     // given up for room; what is still in flight is ignored
  SegmentCounts counts;                     // lost records and spans included
  std::uint64_t first_span = 0;             // spans in earlier segments
  std::uint64_t next_sequence = 0;
  std::uint64_t spans_end = 0;
  std::vector<Gap> gaps;      // accounted for: found by recovery, or by the reader
  std::vector<Gap> uncopied;  // damaged bytes that are not in quarantine yet
  Totals totals;
  std::optional<SegmentHold> hold;
  // Where next() has left it for a later one without having read it to its end.
  std::optional<std::uint64_t> unread_from;
  std::uint64_t spilled_records = 0;  // spilled; some of them may be damaged by now
  std::uint64_t done_records = 0;
  std::uint64_t done_bytes = 0;
  std::uint64_t charged_bytes = 0;
  std::vector<JournalEntry> unsaved;  // done, not yet in the journal
  std::unique_ptr<DeliveryJournal> journal;
  bool moving = false;             // its live records are being copied
  std::vector<JournalEntry> late;  // done since that began
  SteadyTime done_at{};            // of the last record that was
  SteadyTime movable_from{};       // it could not be read, or copied, before
  bool looked_at = false;          // since so little of it is live that it may be moved

  std::uint64_t live_records() const { return counts.records - done_records; }
  std::uint64_t live_spans() const { return totals.queued() + (moved ? counts.spans : 0); }
  // What its live records would take in another segment, with their journal.
  std::uint64_t moved_bytes() const;
  // So little of it is live that this costs more than moving it does.
  bool is_sparse() const { return closed && moved_bytes() * 4 <= charged_bytes; }
  bool done() const { return closed && done_records >= counts.records; }
  // There are records that next() has not given, or that were spilled since.
  bool left_behind() const { return spilled_records > 0 || unread_from; }
  bool waits_for_retry(SteadyTime now) const { return hold && now < hold->retry_at; }
  void add_done(const JournalEntry& entry);
  // Counts these alone as done, as the next start would.
  void replace_done(const std::vector<JournalEntry>& entries);
  // Takes over what a scan, a footer or the writer counted.
  void set_counts(const SegmentCounts& counts_now);
};

struct InFlight {
  std::uint64_t offset = 0;  // in the segment where it lies now
  std::uint64_t sequence = 0;
  std::uint32_t spans = 0;
  std::uint32_t bytes = 0;
  WallTime accepted_at{};
};

class Recovery;

// The state that the writer and the reader share, and every change of it that is durable:
// accounting, journals, checkpoint, deletion.
//
// Threads: members ending in _lock_held need `mutex`; the others take it themselves. Locks are
//          taken in the order checkpoint_mutex_, journal_mutex_, mutex.
class QueueCore {
 public:
  QueueCore(QueueOptions options, FileSystem& fs, const Clock& clock, RandomSource& random);
  ~QueueCore();

  // Brings back from the disk what can be read of the state; the rest follows (recovery.hpp).
  void recover();

  // Writer thread. Where the group goes next; `no_space` when the bound or the disk is reached,
  // unless `use_reserve`.
  Result<std::unique_ptr<SegmentWriter>> open_segment(std::uint64_t bytes, std::uint64_t records,
                                                      bool use_reserve);
  void publish(const SegmentWriter& writer, std::uint64_t failed_attempts,
               std::chrono::steady_clock::duration commit_time);
  void close_segment(const SegmentWriter& writer, std::uint64_t file_bytes);
  // The segment ends where it was durable; remembered in the checkpoint before the next one opens.
  void seal_after_failure(const SegmentWriter& writer);
  bool has_unsaved_seals() const;
  bool can_ever_fit(std::uint64_t bytes, std::uint64_t records) const;
  // Whether the bound and the disk leave room for a new segment that takes this, once `closing` (if
  // any) is closed and, when all of it is done, deleted.
  bool has_room(std::uint64_t bytes, std::uint64_t records, const SegmentWriter* closing) const;

  // Deletes the segments that are done. Failures are counted and the work is left for next time.
  void retire_done_segments();
  void restore_reserve();
  // Counts the oldest closed segment's records as dropped and deletes it, to make room for
  // `bytes`. False: there is none, or the earlier drops have not had their effect yet.
  bool drop_oldest_segment(std::uint64_t bytes, std::uint64_t records);
  Result<void> save_journals();
  void save_journals_if_many();
  Result<void> save_checkpoint();
  // Spans of dead letters removed by hand.
  Result<void> count_removed(std::uint64_t spans);

  // Moving live records: writer thread.
  //
  // Starts copying a source: what is done in it now is the result, by offset; what is done later is
  // noted as well. Error: `io`.
  Result<std::vector<JournalEntry>> begin_source(SegmentMove::Source& source);
  // `no_space`, `io`. The reserve's room may be used.
  Result<std::unique_ptr<SegmentWriter>> open_move_target(SegmentCapacity capacity);
  enum class MoveState { done, not_now, failed, spoiled };
  // Makes the target take its sources' place, all at once.
  MoveState commit_move(SegmentMove& move);
  // The sources stay what they were. False: not yet, since it is not known what the disk has.
  bool give_up_move(SegmentMove& move, std::uint64_t target_id);

  // Forwarder thread.
  void complete(const Completion& completion);
  void spill(Position position);
  // Everything of the segment that next() must not give: done, in the journal or not yet, or in
  // flight. By offset.
  Result<std::vector<JournalEntry>> accounted_for(std::uint64_t place);
  // In a stretch of file `segment_id`, found by the reader at `place`.
  void count_damage(std::uint64_t place, std::uint64_t segment_id, const JournalEntry& entry);
  // Of one record in flight, where it lies in file `segment_id`.
  void count_damage(Position position, std::uint64_t segment_id);
  // `change`: +1 from whoever wants the segments of earlier runs to wait, -1 when that is over.
  void hold_earlier(int change);
  bool waits_lock_held(const Segment& segment, SteadyTime now) const REQUIRES(mutex);
  // Its name is not in a directory that can be listed: no retry changes that.
  bool is_certainly_gone(std::uint64_t segment_id) const;
  // Copies what is damaged to quarantine/; false if some of it could not be copied.
  bool copy_damaged(Segment& segment);
  std::optional<std::uint64_t> sealed_end(std::uint64_t segment_id) const;
  // count_vanished(), hold_segment() and note_readable() do nothing if another file has taken the
  // place of `segment_id`. The file of a closed segment is gone: what was still to be given out is
  // damage.
  void count_vanished(std::uint64_t place, std::uint64_t segment_id);
  // It could not be read at `at` (place, and offset in the file), because of `file`: it or its
  // journal.
  void hold_segment(Position at, std::uint64_t segment_id, StateFile kind, const std::string& file,
                    const Error& error);
  // It could be read up to there, so it is not held any more.
  void note_readable(Position at, std::uint64_t segment_id);
  void count_failure();

  QueueStats stats() const;
  std::uint64_t used_bytes_lock_held() const REQUIRES(mutex);
  // The segment where the record lies that was accepted in segment `origin`, if any.
  std::shared_ptr<Segment> find_segment_lock_held(std::uint64_t origin) const REQUIRES(mutex);
  bool is_current_lock_held(const Segment& segment) const REQUIRES(mutex);

  const QueueOptions options;
  const QueuePaths paths;
  FileSystem& fs;
  const Clock& clock;
  RandomSource& random;  // the segments' secrets: writer thread
  HeldFiles held;
  DiskReserve reserve;
  Quarantine quarantine;
  LinkStore links;
  TraceNotes notes;

  mutable Mutex mutex;
  std::condition_variable_any wake;  // the writer: something to do
  std::map<std::uint64_t, std::shared_ptr<Segment>> segments GUARDED_BY(mutex);  // by place
  std::map<Position, InFlight> in_flight GUARDED_BY(mutex);  // by where it was accepted
  // The checkpoint as it is on the disk, with what has changed since it was written.
  Checkpoint saved GUARDED_BY(mutex);
  Position cursor GUARDED_BY(mutex);              // of the reader: place, and offset in the file
  Position read_up_to GUARDED_BY(mutex);          // the farthest that it has been
  WallTime cursor_accepted_at GUARDED_BY(mutex);  // of the record before it
  std::uint64_t next_span GUARDED_BY(mutex) = 0;  // spans ever stored
  std::uint64_t external_bytes GUARDED_BY(mutex) = 0;
  bool full GUARDED_BY(mutex) = false;
  bool maintenance_due GUARDED_BY(mutex) = false;
  bool look_for_moves GUARDED_BY(mutex) = false;
  // Bytes, since room was found the last time.
  std::uint64_t dropped_for_room GUARDED_BY(mutex) = 0;
  std::uint64_t first_own_segment GUARDED_BY(mutex) = 0;  // those before it are of earlier runs
  int earlier_holds GUARDED_BY(mutex) = 0;
  std::uint64_t unread_segments GUARDED_BY(mutex) = 0;  // of earlier runs, not among `segments` yet
  bool files_known GUARDED_BY(mutex) = false;           // else no id is certain to be unused
  // Else it must not be replaced, and nothing deleted.
  bool checkpoint_known GUARDED_BY(mutex) = false;
  // Else there are segments that could not be read yet.
  bool totals_known GUARDED_BY(mutex) = false;

 private:
  friend class Recovery;

  // Of the next segment: as configured, less while the disk has little room.
  std::uint64_t segment_bytes() const;
  // Of the reserve, where segments have `size`.
  std::uint64_t reserve_beside(std::uint64_t size) const;
  SegmentCapacity capacity_for(std::uint64_t bytes, std::uint64_t records,
                               std::uint64_t size) const;
  // Writes the checkpoint as `change` leaves it and makes that, with `adopt`, the state.
  Result<void> replace_checkpoint(const std::function<void(Checkpoint&)>& change,
                                  const std::function<void()>& adopt = {})
      REQUIRES(checkpoint_mutex_);
  using InFlightAt = std::map<Position, InFlight>::iterator;
  std::pair<InFlightAt, InFlightAt> in_flight_of_lock_held(const Segment& segment) REQUIRES(mutex);
  bool is_spoiled_lock_held(const SegmentMove& move) const REQUIRES(mutex);
  bool reader_is_inside_lock_held(const SegmentMove& move) const REQUIRES(mutex);
  Result<void> note_late(SegmentMove& move) REQUIRES(journal_mutex_);
  void adopt_lock_held(SegmentMove& move) REQUIRES(mutex);
  void forget_lock_held(std::uint64_t id) REQUIRES(mutex);
  void delete_undeleted_files();
  bool remove_files(const Segment& segment);
  void finish_lock_held(Segment& segment, const JournalEntry& entry) REQUIRES(mutex);
  void note_done_lock_held(Segment& segment) REQUIRES(mutex);

  const std::uint64_t reserve_bytes_;
  Mutex checkpoint_mutex_;
  Mutex journal_mutex_;
  std::set<std::uint64_t> unsaved_seals_ GUARDED_BY(mutex);  // not in the checkpoint yet
  SegmentMove* committing_ GUARDED_BY(journal_mutex_) = nullptr;
  std::uint64_t move_bytes_ GUARDED_BY(mutex) = 0;  // of the target, until it is one
  std::uint64_t moved_records_ GUARDED_BY(mutex) = 0;
  std::uint64_t reclaimed_bytes_ GUARDED_BY(mutex) = 0;
  // Retired, and their files are there.
  std::vector<std::shared_ptr<Segment>> undeleted_ GUARDED_BY(mutex);
  std::uint64_t unsaved_entries_ GUARDED_BY(mutex) = 0;
  std::uint64_t syncs_ GUARDED_BY(mutex) = 0;
  DurationHistogram commit_time_ GUARDED_BY(mutex){kOperationBounds};
  std::uint64_t write_failures_ GUARDED_BY(mutex) = 0;
  std::unique_ptr<Recovery> recovery_;
};

}  // namespace tracelink
