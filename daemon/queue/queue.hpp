#pragma once

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
#include "daemon/base/histogram.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/base/result.hpp"
#include "daemon/queue/record_source.hpp"
#include "daemon/queue/totals.hpp"
#include "daemon/types/link_definition.hpp"
#include "daemon/types/policies.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

struct QueueOptions {
  std::filesystem::path state_dir;  // uses queue/, models/links/ and quarantine/ below it
  // Hard bound: segments, journals, what set_external_bytes() says.
  std::uint64_t max_bytes = 10ull << 30;
  std::uint64_t segment_bytes = 64ull << 20;
  OnFull on_full = OnFull::wait;
};

struct QueueStats {
  // Spans, for the life of the state directory (docs/design.md#p2).
  std::uint64_t accepted = 0, delivered = 0, dead_lettered = 0, duplicate = 0, damaged = 0;
  std::uint64_t dropped_policy = 0, dropped_age = 0, dropped_removed = 0;
  std::uint64_t replayed = 0;  // ever moved from dead letters back to queued
  // The same of changes of traces: of those that a daemon accepted which counted them.
  Totals changes;
  std::uint64_t queued_spans = 0, queued_records = 0, queued_bytes = 0;
  std::uint64_t disk_bytes = 0;  // what counts against max_bytes
  std::optional<WallTime> oldest_accepted_at;
  std::uint64_t quarantine_files = 0, quarantine_bytes = 0;
  std::uint64_t syncs = 0, write_failures = 0, segments = 0;
  DurationHistogram commit_time{kOperationBounds};  // of a group: its write and fdatasync
  // Live records that were moved out of mostly finished segments, and the room that this gave back.
  std::uint64_t moved_records = 0, reclaimed_bytes = 0;
  bool full = false;  // an append is waiting or was refused for room
  // False: some of these numbers are too small, since there are files that could not be read yet.
  bool totals_known = true;
  // Spans, and changes, stored before the totals were lost; in none of the terms.
  std::uint64_t unaccounted = 0, unaccounted_changes = 0;
  std::vector<HeldFile> held_files;  // of the state directory: they cannot be read now
};

// The durable queue: append-only segments, group commit, a delivery journal (docs/queue-format.md).
//
// Durability: an append's callback gets success only after fdatasync covers all its records.
//
// Order: records come out in the order they were accepted, but for those that were spilled, or
// could not be read.
//
// Threads: as RecordSource says; its own functions from any. Owns the writer thread between start()
// and stop().
//
// Always opens on damaged content (docs/design.md#p8): bad bytes go to quarantine/ and are counted
// as damaged. What cannot be read is neither: that segment is held, and tried again, while the
// others go on.
class Queue : public RecordSource {
 public:
  using AppendDone = std::function<void(Result<void>)>;

  // Lifetime: the references outlive the queue. `random` has to be one that nobody can foresee.
  static Result<std::unique_ptr<Queue>> open(QueueOptions options, FileSystem& fs,
                                             const Clock& clock, RandomSource& random);

  virtual void start() = 0;
  // Makes everything appended so far durable, answers it, writes the journal, joins the writer.
  // Later appends get `closed`.
  virtual void stop() = 0;

  // `done` is called exactly once on the writer thread (or this one): success when all records are
  // durable; `no_space`, `timeout` (no room before `deadline`), `too_large` (can never fit), `io`,
  // `closed`: none of them will be delivered. Precondition: each record's link is zero or was
  // remembered.
  virtual void append(std::vector<Record> records, SteadyTime deadline, AppendDone done) = 0;
  // The same for what is counted among the dead letters: it moves from there back to queued.
  virtual void append_replayed(std::vector<Record> records, SteadyTime deadline,
                               AppendDone done) = 0;
  // Spans and changes of dead letters that were removed by hand. Durable when it returns success.
  virtual Result<void> count_removed_dead_letters(std::uint64_t spans, std::uint64_t changes) = 0;

  // As remember_link(), for a definition that is known after a restart as well, from elsewhere: it
  // is used also where it cannot be stored now.
  virtual LinkHash adopt_link(const LinkDefinition& link) = 0;
  virtual std::map<LinkHash, LinkDefinition> links() const = 0;  // every one remembered

  // Called on the writer thread after records became durable. Set before start().
  virtual void set_on_durable(std::function<void()> callback) = 0;
  virtual QueueStats stats() const = 0;
  // Records of earlier runs are not given out from now on, until release_earlier_records() was
  // called as often.
  virtual void hold_earlier_records() = 0;
  virtual void release_earlier_records() = 0;
  // Where everybody who keeps files in the state directory says which ones cannot be read.
  virtual HeldFiles& held_files() = 0;
};

}  // namespace tracelink
