#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "daemon/base/file_system.hpp"
#include "daemon/queue/queue_paths.hpp"
#include "daemon/queue/record_format.hpp"
#include "daemon/queue/totals.hpp"

namespace tracelink {

// What became of the record at `offset`, or of the damaged stretch that starts there. The terms are
// numbers of spans and changes of traces together; an entry with changes has one term.
struct JournalEntry {
  std::uint64_t offset = 0;
  std::uint32_t delivered = 0;
  std::uint32_t dead_lettered = 0;
  std::uint32_t duplicate = 0;
  std::uint32_t dropped_policy = 0;
  std::uint32_t dropped_age = 0;
  std::uint32_t damaged = 0;
  std::uint32_t records = 1;
  std::uint32_t bytes = 0;  // of the records in the segment
  std::uint32_t changes = 0;

  std::uint64_t spans() const { return spans_and_changes() - changes; }
  std::uint64_t spans_and_changes() const;
  void add_to(Balance& balance) const;
  bool operator==(const JournalEntry&) const = default;
};
inline constexpr std::size_t kJournalHeaderBytes = 32;
inline constexpr std::size_t kJournalEntryBytes = 48;

// Of a journal with so many entries.
constexpr std::uint64_t journal_bytes(std::uint64_t records) {
  return kJournalHeaderBytes + records * kJournalEntryBytes;
}

// By offset, without repetitions. A record that was delivered may be part of a stretch damaged
// later: both entries count.
void keep_one_each(std::vector<JournalEntry>& entries);

// Which records of one segment are done. Entries may come in any order; an entry is written again
// when it is not certain that it was stored, so the reader keeps one per offset.
//
// Each object writes a file of its own ("generation"), and goes to a next one after any failure, so
// it never appends behind bytes of unknown state. The file is open only while it is written to: the
// number of segments is not bounded by that of descriptors.
// Threads: one at a time. Lifetime: `fs` and `paths` outlive this object.
class DeliveryJournal {
 public:
  DeliveryJournal(FileSystem& fs, const QueuePaths& paths, const SegmentKey& key,
                  std::uint64_t first_generation);

  // Durable when it returns success. After an error the caller writes the same entries again.
  Result<void> write(std::span<const JournalEntry> entries);

  // Entries of all generations below `generations`, by offset. Bytes that are no entry of this
  // segment are skipped (their steps are repeated). A key of version 0 (of a segment that is gone,
  // or has lost its header) is replaced by what each file says itself. Errors: `io`, no_space.
  static Result<std::vector<JournalEntry>> load(const FileSystem& fs, const QueuePaths& paths,
                                                const SegmentKey& key, std::uint64_t generations);
  // Removes the files of the generations that this object or an earlier one wrote.
  Result<void> remove();
  std::uint64_t generations() const { return generation_ + (begun_ ? 1 : 0); }

 private:
  Result<std::unique_ptr<File>> create();

  FileSystem& fs_;
  const QueuePaths& paths_;
  const SegmentKey key_;
  std::uint64_t generation_;
  bool begun_ = false;  // the generation's file is there, and its end is known
};

}  // namespace tracelink
