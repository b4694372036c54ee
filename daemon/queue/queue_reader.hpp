#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/queue/queue_core.hpp"
#include "daemon/queue/segment_reader.hpp"

namespace tracelink {

// Hands out the records in order, each once, skipping those that were done before the last start.
// What was set aside is handed out again after look_back(); segments without any are passed over.
//
// Memory: one read window and the done set of one segment, whatever the backlog.
// Threads: one (the forwarder). Lifetime: `core` outlives this object.
class QueueReader {
 public:
  explicit QueueReader(QueueCore& core) : core_(core) {}

  Result<std::optional<StoredRecord>> next();
  Result<StoredRecord> read(Position position);
  void look_back(Position from);
  void look_ahead();

 private:
  // What may be read of the segment at the cursor now.
  struct View {
    std::uint64_t end = 0;
    std::uint64_t next_sequence = 0;
    std::uint64_t spans_end = 0;
    bool closed = false;
  };

  std::shared_ptr<Segment> segment_lock_held(const SegmentReader& reader) const;
  std::optional<View> view() const;
  // Moves to the next segment there is; false if there is none.
  Result<bool> enter_next_segment();
  // Reading goes on at `resume_at_`, if a record begins there.
  void resume();
  void leave_segment();
  Result<RawRecord> read_at_cursor(const View& view);
  // Steps over what recovery has accounted for; true if it did.
  bool skip_known_gap();
  // Moves behind what cannot be read; true if records were lost there that nobody counted before.
  bool skip_damage(const View& view);
  void remember_gap(const Gap& gap);
  JournalEntry damage_before(std::uint64_t end, const View& view);
  RecordOrigin origin_of(const RawRecord& raw) const;
  bool is_skipped(const RawRecord& raw) const;
  std::optional<StoredRecord> hand_out(const RawRecord& raw, Record record, bool again);
  Result<StoredRecord> read_at(Position position, const InFlight& known, std::uint64_t place,
                               std::uint64_t id, std::uint64_t end);
  bool was_moved(Position position, std::uint64_t from) const;
  bool is_done(std::uint64_t offset) const;
  void move_to(std::uint64_t offset);
  Result<std::unique_ptr<SegmentReader>> open(std::uint64_t place) const;

  QueueCore& core_;
  std::unique_ptr<SegmentReader> reader_;  // null between segments
  std::uint64_t place_ = 0;                // of the segment at the cursor, or the last one
  std::uint64_t offset_ = 0;
  RecordOrder order_;  // of what was read of the segment
  std::vector<Gap> gaps_;
  std::vector<JournalEntry> done_;     // when the segment was entered; also what was in flight then
  Position read_up_to_;                // the farthest that next() has been
  bool moved_ = false;                 // the segment holds moved records
  std::optional<Position> resume_at_;  // place, and offset in the file
  std::optional<Position> look_from_;  // the name of a record: look_back()
  std::optional<Position> skip_before_;  // in a segment of moved records: a name
  std::unique_ptr<SegmentReader> reread_;
};

}  // namespace tracelink
