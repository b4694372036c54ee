#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/queue/delivery_journal.hpp"
#include "daemon/queue/segment_scan.hpp"
#include "daemon/queue/totals.hpp"

namespace tracelink {

// A segment that could not be read on from `offset`: it, or its journal, is held.
struct SegmentHold {
  std::uint64_t offset = 0;
  std::uint64_t failures = 0;
  SteadyTime retry_at{};
  std::string file;
};

// How far something has read: the place of a segment among the others, and an offset in its file.
// Of a record that was moved that is no Position.
struct ReadPoint {
  std::uint64_t place = 0;
  std::uint64_t offset = 0;
  auto operator<=>(const ReadPoint&) const = default;
};

// What the queue knows about one segment file. It is guarded with QueueState. Without that lock
// only what does not change any more may be read: `id`, `place`, `key`, and `end` once it is
// closed. `journal` is for whoever holds SegmentStore's journals_.
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
  std::uint64_t changes_end = 0;
  std::vector<Gap> gaps;      // accounted for: found by recovery, or by the reader
  std::vector<Gap> uncopied;  // damaged bytes that are not in quarantine yet
  std::string held_copy;      // the file there that cannot be written: they wait for it
  Balance totals;
  std::optional<SegmentHold> hold;
  // Where next() has left it for a later one without having read it to its end.
  std::optional<std::uint64_t> unread_from;
  std::uint64_t spilled_records = 0;  // spilled; some of them may be damaged by now
  std::uint64_t done_records = 0;
  std::uint64_t done_bytes = 0;
  std::uint64_t charged_bytes = 0;
  std::vector<JournalEntry> unsaved;  // done, not yet in the journal
  std::unique_ptr<DeliveryJournal> journal;
  bool moving = false;                          // its live records are being copied
  std::vector<JournalEntry> done_while_moving;  // done since that began
  SteadyTime done_at{};                         // of the last record that was
  SteadyTime movable_from{};                    // it could not be read, or copied, before
  bool looked_at = false;  // since so little of it is live that it may be moved

  std::uint64_t live_records() const { return counts.records - done_records; }
  std::uint64_t live_spans() const { return totals.spans.queued() + (moved ? counts.spans : 0); }
  std::uint64_t live_changes() const {
    return totals.changes.queued() + (moved ? counts.changes : 0);
  }
  // What its live records would take in another segment, with their journal.
  std::uint64_t moved_bytes() const;
  // So little of it is live that keeping the file costs more than moving that does.
  bool is_sparse() const { return closed && moved_bytes() * 4 <= charged_bytes; }
  bool done() const { return closed && done_records >= counts.records; }
  // Not one that cannot be read now: nobody knows what would be lost. Nor one whose file would
  // stay.
  bool may_be_dropped() const { return closed && !hold && held_copy.empty(); }
  // There are records that next() has not given, or that were spilled since.
  bool has_unread() const { return spilled_records > 0 || unread_from; }
  bool waits_for_retry(SteadyTime now) const { return hold && now < hold->retry_at; }
  void add_done(const JournalEntry& entry);
  // Counts these alone as done, as the next start would.
  void replace_done(const std::vector<JournalEntry>& entries);
  // Takes over what a scan, a footer or the writer counted.
  void set_counts(const SegmentCounts& counts_now);
};

}  // namespace tracelink
