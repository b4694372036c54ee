#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "daemon/queue/compaction_plan.hpp"
#include "daemon/queue/queue_core.hpp"
#include "daemon/queue/segment_reader.hpp"
#include "daemon/queue/segment_store.hpp"

namespace tracelink {

// Moves the live records of mostly finished segments together, so that what is held costs its own
// bytes and not those of what once lay beside it.
//
// Bounded: a turn takes about 20 ms and copies about a MiB at most, and the memory is one segment's
// journal and the places of the records moved at a time. What cannot be read is neither moved nor
// deleted, and keeps no other segment from being moved.
//
// Threads: the writer's. Lifetime: the references outlive this object.
class Compactor {
 public:
  Compactor(QueueCore& core, SegmentStore& store) : core_(core), store_(store) {}
  Compactor(const Compactor&) = delete;
  Compactor& operator=(const Compactor&) = delete;

  // Begins, goes on with or ends a move, if anything is worth it. `room_is_wanted`: nothing else
  // makes room for a request. True: there was something to do; look for room again.
  bool take_turn(bool room_is_wanted);
  // Ends what is under way, before the queue stops.
  void stop();

  // How long the next turn has time; nothing: until something changes.
  std::optional<std::chrono::milliseconds> next_turn() const;

 private:
  bool begin(bool room_is_wanted);
  std::vector<std::shared_ptr<Segment>> choose(bool room_is_wanted);
  Result<void> open_target();
  // True: everything is copied.
  Result<bool> copy_some();
  Result<void> copy_step();
  Result<void> enter_source();
  Result<void> copy_next();
  Result<void> copy_record(const RawRecord& raw);
  Result<void> leave_source();
  bool skip_done_or_gap();
  Result<void> finish_target();
  void commit();
  void give_up();
  void hold_off(Segment& segment);
  void wait(std::chrono::milliseconds time) { resume_at_ = core_.clock.steady() + time; }

  QueueCore& core_;
  SegmentStore& store_;
  SteadyTime look_at_ = SteadyTime::max();  // again for something to move
  SteadyTime resume_at_ = SteadyTime::min();
  int patience_ = 0;  // turns that a move waits for the reader to leave

  std::unique_ptr<SegmentMove> move_;  // null: none is under way
  std::unique_ptr<SegmentWriter> writer_;
  std::uint64_t target_id_ = 0;
  std::size_t source_ = 0;               // being copied
  std::shared_ptr<Segment> unreadable_;  // the source that ends the move, if one does
  std::unique_ptr<SegmentReader> reader_;
  std::vector<JournalEntry> done_;
  std::vector<Gap> gaps_;
  std::uint64_t offset_ = 0;
  std::uint64_t expected_records_ = 0;  // of the source that are live
  std::uint64_t expected_spans_ = 0;
  std::uint64_t expected_changes_ = 0;
  std::unordered_map<LinkHash, std::string, IdHash> links_;  // defined in the source
};

}  // namespace tracelink
