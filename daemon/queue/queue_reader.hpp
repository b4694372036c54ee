#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/queue/queue_core.hpp"
#include "daemon/queue/segment_reader.hpp"
#include "daemon/queue/segment_store.hpp"

namespace tracelink {

// Hands out the records in order, each once, skipping those that were done before the last start.
// What was spilled is handed out again after rescan(); segments without any are passed over.
// A segment that cannot be read is left where it fails, and read on from there, between others,
// once it can be read again.
//
// Memory: one read window and the done set of one segment, whatever the backlog.
// Threads: one (the forwarder). Lifetime: the references outlive this object.
class QueueReader {
 public:
  QueueReader(QueueCore& core, SegmentStore& store) : core_(core), store_(store) {}

  Result<std::optional<StoredRecord>> next();
  void rescan(Position from);
  void end_rescan();
  bool is_rescanning() const;
  bool missed_spilled() const { return missed_spilled_; }

 private:
  // What may be read of the segment at the cursor now.
  struct View {
    std::uint64_t end = 0;
    std::uint64_t next_sequence = 0;
    std::uint64_t spans_end = 0;
    std::uint64_t changes_end = 0;
    bool closed = false;
  };

  // At the cursor, unless others took its place.
  std::shared_ptr<Segment> current(const QueueState& state) const;
  std::optional<View> view() const;
  // Moves to the next segment there is; false if there is none.
  bool enter_next_segment();
  struct Next {
    std::uint64_t place = 0;
    std::uint64_t id = 0;   // of the file
    bool was_left = false;  // with records that were not given
  };
  std::optional<Next> choose_next();
  bool enter(const Next& next);
  bool take_over(const Next& next, const SegmentReader& reader);
  // Reading goes on at `resume_at_`, if a record begins there.
  void resume(bool was_left);
  void leave_segment();
  // At the end of what can be read now; true if another segment is worth a look.
  bool finish_segment(const View& view);
  // Leaves the segment for now, because of its file or its journal.
  void hold_back(std::uint64_t id, StateFile kind, const std::filesystem::path& file,
                 const Error& error);
  Result<RawRecord> read_at_cursor(const View& view);
  // Steps over what recovery has accounted for; true if it did.
  bool skip_known_gap();
  // Moves behind what is damaged; true if records were lost there that nobody counted before.
  bool skip_damage(const View& view);
  void remember_gap(const Gap& gap);
  void copy_damaged();
  JournalEntry damage_before(std::uint64_t end, const View& view);
  RecordOrigin origin_of(const RawRecord& raw) const;
  bool is_skipped(const RawRecord& raw) const;
  std::optional<StoredRecord> hand_out(const RawRecord& raw, Record record, bool again);
  bool was_given_before(std::uint64_t offset) const;
  bool is_done(std::uint64_t offset) const;
  void move_to(std::uint64_t offset);

  QueueCore& core_;
  SegmentStore& store_;
  std::unique_ptr<SegmentReader> reader_;  // null between segments
  std::uint64_t place_ = 0;                // of the segment at the cursor, or the last one
  std::uint64_t offset_ = 0;
  RecordOrder order_;  // of what was read of the segment
  std::vector<Gap> gaps_;
  std::vector<JournalEntry> done_;  // when the segment was entered; also what was in flight then
  ReadPoint read_up_to_;            // the farthest that next() has been
  bool moved_ = false;              // the segment holds moved records
  std::optional<ReadPoint> resume_at_;
  std::optional<Position> look_from_;    // of a record: rescan()
  std::optional<Position> skip_before_;  // in a segment of moved records
  std::optional<ReadPoint> return_to_;   // after a segment that was left for later
  bool missed_spilled_ = false;          // since rescan()
};

}  // namespace tracelink
