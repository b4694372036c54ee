#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/result.hpp"
#include "daemon/types/link_definition.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// Where a record was stored when it was accepted: its name for as long as it lives, also after it
// was moved. Ordered by age: segment ids only grow.
struct Position {
  std::uint64_t segment_id = 0;
  std::uint64_t offset = 0;
  auto operator<=>(const Position&) const = default;
};

struct StoredRecord {
  Position position;
  std::uint64_t sequence = 0;
  Record record;
  // 1: a change of a trace that the balance counts. One that was accepted by a daemon which did not
  // count changes is none.
  std::uint32_t changes = 0;
  bool again = false;     // it was spilled before
  bool replayed = false;  // it was among the dead letters: accepted long before its sequence
  bool earlier = false;   // an earlier process accepted it

  // Of its acceptance. 0: not known, an old dead letter does not tell it.
  std::uint64_t accepted_sequence() const { return replayed ? record.accepted_sequence : sequence; }
};

// The end of a record's way. The terms add up to its span_count and its `changes`.
struct Completion {
  Position position;
  std::uint32_t delivered = 0;
  std::uint32_t dead_lettered = 0;
  std::uint32_t duplicate = 0;
};

// A fact about a trace that must survive a restart, kept until the oldest record that is not done
// was accepted an hour later (bounded in number, oldest forgotten first).
struct TraceNote {
  enum class Step : std::uint8_t {
    linked = 1,     // the link is fixed; nothing was sent before this note was durable
    delivered = 2,  // trace info and the spans so far are stored at the destination
    deleted = 3,    // delivered, and then deleted there because its application asked for it
  };
  TraceId trace_id;
  Step step = Step::linked;
  LinkHash link;
  bool root_delivered = false;
  std::uint64_t start_ns = 0;
  WallTime at{};
};

// The reading half of the queue: where the forwarder takes records from and says what became of
// them. A fake of it makes the delivery loop testable without a disk. Threads: next(),
// read(), complete(), spill() and what concerns rescans from one (the forwarder), the others from
// any.
class RecordSource {
 public:
  virtual ~RecordSource() = default;

  // The next record not completed and not yet returned, below the durable offset. Nothing: no
  // more for now; segments that cannot be read (QueueStats::held_files) come later, out of order.
  // `corrupt`: damaged records were skipped and counted; call again.
  virtual Result<std::optional<StoredRecord>> next() = 0;
  // Again, for a retry, what next() returned. `io`: it cannot be read now, call again later.
  // `corrupt`: it was damaged meanwhile and is counted; `invalid`: it was dropped for room
  // (OnFull::drop_oldest). In both cases it must not be (and need not be) completed, except that
  // completing a dropped record does nothing.
  virtual Result<StoredRecord> read(Position position) const = 0;
  // Takes back what next() gave, without an end: it is unread again, costs no memory, and comes
  // when next() has been sent back. Precondition as for complete().
  virtual void spill(Position position) = 0;
  // next() goes back to the oldest record that is spilled at `from` or behind it. It gives those
  // that were, then goes on where it had been. May be called before an earlier rescan has ended.
  // `from`: a position that next() or rescan() was given, or {} for the oldest of all.
  virtual void rescan(Position from) = 0;
  // Ends a rescan: next() goes on where it had been before; what it did not reach stays spilled.
  virtual void end_rescan() = 0;
  // What next() gave last is not behind all that it ever gave: a rescan goes on. In one also come,
  // not `again`, records that could not be read before.
  virtual bool is_rescanning() const = 0;
  // Since rescan() next() has passed over records that are spilled, in files that cannot be read
  // now. They stay spilled, and only a later rescan gives them.
  virtual bool missed_spilled() const = 0;
  // Journalled lazily; twice for one position, or terms that don't add up, is an invariant
  // violation.
  virtual void complete(const Completion& completion) = 0;
  // Durable (journal synced) when it returns success.
  virtual Result<void> note(const std::vector<TraceNote>& notes) = 0;
  virtual std::vector<TraceNote> recent_notes() const = 0;  // newest per trace, oldest first
  // How often notes came from files, at the start or later: recent_notes() may have more each time.
  virtual std::uint64_t note_loads() const = 0;
  virtual Result<void> sync_journal() = 0;

  // Sequences count acceptances: those of all that was acknowledged are below this one.
  virtual std::uint64_t next_sequence() const = 0;
  // False: the files cannot be listed, so records may come whose sequences are not below it.
  virtual bool knows_files() const = 0;

  // Stores the definition durably in models/links/; it is also repeated in each segment that refers
  // to it.
  virtual Result<LinkHash> remember_link(const LinkDefinition& link) = 0;
  // `invalid` if unknown, `io` if it may be in a file that cannot be read.
  virtual Result<LinkDefinition> link(const LinkHash& hash) const = 0;
  // The definitions with `named_by_trace`. No record refers to them, notes do.
  virtual std::vector<LinkHash> links_named_by_traces() const = 0;
  // Removes one of these; anything else stays.
  virtual Result<void> forget_link(const LinkHash& hash) = 0;

  virtual void set_external_bytes(std::uint64_t bytes) = 0;  // dead letters share the bound
  // Files cannot be read now, so that next() may still give what was stored before.
  virtual bool holds_files() const = 0;
  // How many such files could be read later, those of other parts of the daemon too.
  virtual std::uint64_t files_read_late() const = 0;
};

}  // namespace tracelink
