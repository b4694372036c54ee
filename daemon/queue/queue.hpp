#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/held_files.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/base/result.hpp"
#include "daemon/types/link_definition.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

enum class OnFull { wait, reject, drop_oldest };

struct QueueOptions {
  std::filesystem::path state_dir;  // uses queue/, models/links/ and quarantine/ below it
  std::uint64_t max_bytes =
      10ull << 30;  // hard bound: segments, journals, what set_external_bytes() says
  std::uint64_t segment_bytes = 64ull << 20;
  OnFull on_full = OnFull::wait;
};

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
  bool again = false;     // it was set aside before
  bool replayed = false;  // it was among the dead letters: accepted long before its sequence
};

// The end of a record's way. The terms add up to its span_count.
struct Completion {
  Position position;
  std::uint32_t delivered = 0;
  std::uint32_t dead_lettered = 0;
  std::uint32_t duplicate = 0;
  std::uint32_t dropped_policy = 0;
  std::uint32_t dropped_age = 0;
};

// A fact about a trace that must survive a restart, kept until the oldest record that is not done
// was accepted an hour later (bounded in number, oldest forgotten first).
struct TraceNote {
  enum class Step : std::uint8_t {
    linked = 1,     // the link is fixed; nothing was sent before this note was durable
    delivered = 2,  // trace info and the spans so far are stored at the destination
  };
  TraceId trace_id;
  Step step = Step::linked;
  LinkHash link;
  bool root_delivered = false;
  std::uint64_t start_ns = 0;
  WallTime at{};
};

struct QueueStats {
  // Spans, for the life of the state directory (docs/design.md#p2).
  std::uint64_t accepted = 0, delivered = 0, dead_lettered = 0, duplicate = 0, damaged = 0;
  std::uint64_t dropped_policy = 0, dropped_age = 0, dropped_removed = 0;
  std::uint64_t replayed = 0;  // ever moved from dead letters back to queued
  std::uint64_t queued_spans = 0, queued_records = 0, queued_bytes = 0;
  std::uint64_t disk_bytes = 0;  // what counts against max_bytes
  std::optional<WallTime> oldest_accepted_at;
  std::uint64_t quarantine_files = 0, quarantine_bytes = 0;
  std::uint64_t syncs = 0, write_failures = 0, segments = 0;
  // Live records that were moved out of mostly finished segments, and the room that this gave back.
  std::uint64_t moved_records = 0, reclaimed_bytes = 0;
  bool full = false;  // an append is waiting or was refused for room
  // False: some of these numbers are too small, since there are files that could not be read yet.
  bool totals_known = true;
  std::uint64_t unaccounted = 0;  // spans stored before the totals were lost; in none of the terms
  std::vector<HeldFile> held_files;  // of the state directory: they cannot be read now
};

// The durable queue: append-only segments, group commit, a delivery journal (docs/queue-format.md).
//
// Durability: an append's callback gets success only after fdatasync covers all its records.
// Order:      records come out in the order they were accepted, but for those set aside.
// Threads:    next(), read(), complete(), set_aside(), look_back(), look_ahead() from one thread
//             (the forwarder), the others from any. Owns the writer thread between start() and
//             stop().
// Always opens on damaged content (docs/design.md#p8): bad bytes go to quarantine/ and are counted
// as damaged. What cannot be read is neither: that segment is held, and tried again, while the
// others go on.
class Queue {
 public:
  using AppendDone = std::function<void(Result<void>)>;

  // Lifetime: the references outlive the queue. `random` has to be one that nobody can foresee.
  static Result<std::unique_ptr<Queue>> open(QueueOptions options, FileSystem& fs,
                                             const Clock& clock, RandomSource& random);
  virtual ~Queue() = default;

  virtual void start() = 0;
  // Makes everything appended so far durable, answers it, writes the journal, joins the writer.
  // Later appends get `closed`.
  virtual void stop() = 0;

  // `done` is called exactly once on the writer thread (or this one): success when all records are
  // durable; `no_space`, `timeout` (no room before `deadline`), `too_large` (can never fit), `io`,
  // `closed`: none of them will be delivered. Precondition: each record's link is zero or was
  // remembered.
  virtual void append(std::vector<Record> records, SteadyTime deadline, AppendDone done) = 0;
  // The same for spans that are among the dead letters: they move from there back to queued.
  virtual void append_replayed(std::vector<Record> records, SteadyTime deadline,
                               AppendDone done) = 0;
  // Spans of dead letters that were removed by hand. Durable when it returns success.
  virtual Result<void> count_removed_dead_letters(std::uint64_t spans) = 0;

  // Stores the definition durably in models/links/; it is also repeated in each segment that refers
  // to it.
  virtual Result<LinkHash> remember_link(const LinkDefinition& link) = 0;
  // The same for a definition that is known after a restart as well, from elsewhere: it is used
  // also where it cannot be stored now.
  virtual LinkHash adopt_link(const LinkDefinition& link) = 0;
  // `invalid` if unknown, `io` if it may be in a file that cannot be read.
  virtual Result<LinkDefinition> link(const LinkHash& hash) const = 0;
  virtual std::map<LinkHash, LinkDefinition> links() const = 0;  // every one remembered
  // The definitions with `named_by_trace`. No record refers to them, notes do.
  virtual std::vector<LinkHash> links_named_by_traces() const = 0;
  // Removes one of these; anything else stays.
  virtual Result<void> forget_link(const LinkHash& hash) = 0;

  // The next record not completed and not yet returned, at or below the durable offset. Nothing: no
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
  virtual void set_aside(Position position) = 0;
  // next() goes back to the oldest record that is set aside at `from` or behind it. It gives those
  // that were, then goes on where it had been. May be called before an earlier look back has ended.
  // `from`: a position that next() or look_back() was given, or {} for the oldest of all.
  virtual void look_back(Position from) = 0;
  // Ends a look back: next() goes on where it had been before; what it did not reach stays aside.
  virtual void look_ahead() = 0;
  // Journalled lazily; twice for one position, or terms that don't add up, is an invariant
  // violation.
  virtual void complete(const Completion& completion) = 0;
  // Durable (journal synced) when it returns success.
  virtual Result<void> note(const std::vector<TraceNote>& notes) = 0;
  virtual std::vector<TraceNote> recent_notes() const = 0;  // newest per trace, oldest first
  virtual Result<void> sync_journal() = 0;

  // Called on the writer thread after records became durable. Set before start().
  virtual void set_on_durable(std::function<void()> callback) = 0;
  virtual void set_external_bytes(std::uint64_t bytes) = 0;  // dead letters share the bound
  // Sequences count acceptances: those of all that was acknowledged are below this one.
  virtual std::uint64_t next_sequence() const = 0;
  virtual QueueStats stats() const = 0;
  // What was stored before this object was opened is not given out from now on, or again. Called as
  // often as the other.
  virtual void hold_earlier_records() = 0;
  virtual void release_earlier_records() = 0;
  // Where everybody who keeps files in the state directory says which ones cannot be read.
  virtual HeldFiles& held_files() = 0;
};

}  // namespace tracelink
