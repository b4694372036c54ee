#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "daemon/base/mutex.hpp"
#include "daemon/queue/queue_core.hpp"
#include "daemon/queue/segment_move.hpp"
#include "daemon/queue/segment_reader.hpp"

namespace tracelink {

// Every change of the queue's state that is durable, but for the records themselves: journals,
// checkpoint, deletion, and a new segment in the place of others. Lifetime: `core` outlives this.
class SegmentStore {
 public:
  explicit SegmentStore(QueueCore& core) : core_(core) {}
  SegmentStore(const SegmentStore&) = delete;
  SegmentStore& operator=(const SegmentStore&) = delete;

  // Any thread. Durable when they return success.
  Result<void> save_journals();
  Result<void> save_checkpoint();
  // Spans of dead letters removed by hand.
  Result<void> count_removed(std::uint64_t spans, std::uint64_t changes);
  // Runs `change`, which may change the totals of segments that are gone, while no checkpoint is on
  // its way.
  void change_totals(const std::function<void()>& change);

  void save_journals_if_many();
  // Deletes the segments that are done. Failures are counted and the work is left for next time.
  void retire_done_segments();
  void restore_reserve();
  // Copies what is damaged to quarantine/. False if some of it could not be copied: that is held,
  // and only tried again when its time has come.
  bool copy_damaged(const std::shared_ptr<Segment>& segment);
  // Everything of the segment that next() must not give: done, in the journal or not yet, or in
  // flight. By offset. The reader's cursor is there from here on.
  Result<std::vector<JournalEntry>> accounted_for(std::uint64_t place);

  // The file of the segment at `place`.
  Result<std::unique_ptr<SegmentReader>> open(std::uint64_t place) const;
  // The name is not in a directory that can be listed: no retry changes that.
  bool is_certainly_gone(std::uint64_t segment_id) const;
  // It is a closed segment's, and certainly gone.
  bool has_vanished(std::uint64_t place, std::uint64_t segment_id) const;

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

 private:
  // Writes the checkpoint as `change` leaves it and makes that, with `adopt`, the state.
  Result<void> replace_checkpoint(const std::function<void(Checkpoint&)>& change,
                                  const std::function<void(QueueState&)>& adopt = {})
      REQUIRES(checkpoint_);
  Result<void> copy_gaps(const std::shared_ptr<Segment>& segment);
  Result<void> copy_gap(std::uint64_t segment_id, const Gap& gap);
  Result<void> copy_held(const std::shared_ptr<Segment>& segment);
  void delete_undeleted_files();
  bool remove_files(const Segment& segment);
  Result<void> note_done_while_moving(SegmentMove& move) REQUIRES(journals_);

  QueueCore& core_;
  Mutex checkpoint_;
  // No entry is on its way from a segment to its journal, and no segment on its way to another.
  Mutex journals_;
  SegmentMove* committing_ GUARDED_BY(journals_) = nullptr;
};

}  // namespace tracelink
