#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/held_files.hpp"
#include "daemon/queue/checkpoint.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/queue/segment.hpp"
#include "daemon/queue/segment_writer.hpp"
#include "daemon/queue/wall_clock_steps.hpp"
#include "daemon/queue/writer_signal.hpp"

namespace tracelink {

struct InFlight {
  std::uint64_t offset = 0;  // in the segment where it lies now
  std::uint64_t sequence = 0;
  std::uint32_t spans = 0;
  std::uint32_t changes = 0;
  std::uint32_t bytes = 0;
  WallTime accepted_at{};
};

// What the queue knows: its segments, what became of their records, and the checkpoint. Accounting
// alone, without I/O; a member is about one moment, so everything here has one lock (Guarded).
// Lifetime: the references outlive this object.
class QueueState {
 public:
  QueueState(HeldFiles& held, const Clock& clock, WriterSignal& signal)
      : held_(held), clock_(clock), signal_(signal), clock_steps_(clock) {}

  // Nothing: there is none, or another file has taken the place of `id`.
  std::shared_ptr<Segment> find(std::uint64_t place) const;
  std::shared_ptr<Segment> find(std::uint64_t place, std::uint64_t id) const;
  // The segment where the record lies that was accepted in segment `origin`, if any.
  std::shared_ptr<Segment> holder_of(std::uint64_t origin) const;
  bool is_current(const Segment& segment) const { return find(segment.place).get() == &segment; }
  // It is not read now.
  bool waits(const Segment& segment, SteadyTime now) const;
  // The oldest segment that next() has left for later and that may be tried now.
  std::optional<std::uint64_t> left_for_later(SteadyTime now) const;
  using InFlightAt = std::map<Position, InFlight>::iterator;
  std::pair<InFlightAt, InFlightAt> in_flight_of(const Segment& segment);

  // A group is about to be written.
  void note_clock() { clock_steps_.note(saved.next_sequence); }
  // The writer's segment.
  void publish(const SegmentWriter& writer, std::uint64_t failed_attempts,
               std::chrono::steady_clock::duration commit_time);
  void close(const SegmentWriter& writer, std::uint64_t file_bytes);
  // It ends where it was durable; remembered in the checkpoint before the next one opens.
  void seal(const SegmentWriter& writer);

  void complete(const Completion& completion);
  void spill(Position position);
  // Counts the oldest closed segment's records as dropped; false: there is none.
  bool drop_oldest();
  // The charges of those that drop_oldest() may choose.
  std::uint64_t droppable_bytes() const;
  // In a stretch of file `segment_id`, found by the reader at `place`.
  void count_damage(std::uint64_t place, std::uint64_t segment_id, const JournalEntry& entry);
  // Of one record in flight, where it lies in file `segment_id`.
  void count_damage(Position position, std::uint64_t segment_id);
  // The file of a closed segment is gone: what was still to be given out is damage.
  void count_vanished(std::uint64_t place, std::uint64_t segment_id);
  // It could not be read at `at`, because of `file`: it or its journal.
  void hold_segment(ReadPoint at, std::uint64_t segment_id, StateFile kind, const std::string& file,
                    const Error& error);
  // It could be read up to there, so it is not held any more.
  void note_readable(ReadPoint at, std::uint64_t segment_id);
  // `change`: +1 from whoever wants the segments of earlier runs to wait, -1 when that is over.
  void hold_earlier(int change);

  void note_done(Segment& segment);
  // Nothing of it is left here: the checkpoint counts it.
  void forget(std::uint64_t id);
  // Those that are done, unless they are being moved.
  std::vector<std::shared_ptr<Segment>> done_segments() const;
  // What is to be written to the journals; counted as written until put_back().
  using Unsaved = std::vector<std::pair<std::shared_ptr<Segment>, std::vector<JournalEntry>>>;
  Unsaved take_unsaved();
  void put_back(Segment& segment, const std::vector<JournalEntry>& entries);
  bool has_many_unsaved() const;
  // Their charges; the room of other files is not here.
  std::uint64_t segments_bytes() const;
  // But for what others know: the room that is used, quarantine, held files.
  QueueStats stats() const;

  std::map<std::uint64_t, std::shared_ptr<Segment>> segments;  // by place
  std::map<Position, InFlight> in_flight;                      // by where it was accepted
  // The checkpoint as it is on the disk, with what has changed since it was written.
  Checkpoint saved;
  std::set<std::uint64_t> unsaved_seals;  // not in the checkpoint yet
  // Retired, and their files are there.
  std::vector<std::shared_ptr<Segment>> undeleted;
  std::uint64_t unsaved_entries = 0;
  ReadPoint cursor;      // of the reader
  ReadPoint read_up_to;  // the farthest that it has been
  // Of the record before it.
  std::uint64_t cursor_sequence = 0;
  WallTime cursor_accepted_at;
  std::uint64_t next_span = 0;  // spans ever stored
  std::uint64_t next_change = 0;
  std::uint64_t external_bytes = 0;
  std::uint64_t move_bytes = 0;  // of a move's target, until it is a segment
  bool full = false;
  std::uint64_t dropped_for_room = 0;   // bytes, since room was found the last time
  std::uint64_t first_own_segment = 0;  // those before it are of earlier runs
  std::uint64_t unread_segments = 0;    // of earlier runs, not among `segments` yet
  bool files_known = false;             // else no id is certain to be unused
  bool checkpoint_known = false;        // else it must not be replaced, and nothing deleted
  bool totals_known = false;            // else there are segments that could not be read yet
  std::uint64_t moved_records = 0;
  std::uint64_t reclaimed_bytes = 0;
  std::uint64_t write_failures = 0;

 private:
  void finish(Segment& segment, const JournalEntry& entry);
  void release_hold(Segment& segment);
  std::optional<WallTime> oldest_unread() const;
  std::optional<WallTime> oldest_accepted_at() const;

  HeldFiles& held_;
  const Clock& clock_;
  WriterSignal& signal_;
  WallClockSteps clock_steps_;
  int earlier_holds_ = 0;
  std::uint64_t syncs_ = 0;
  DurationHistogram commit_time_{kOperationBounds};
};

}  // namespace tracelink
