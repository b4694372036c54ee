#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/file_system.hpp"
#include "daemon/queue/record_format.hpp"

namespace tracelink {

struct SegmentCapacity {
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

// Appends groups of records to one new segment file.
//
// Durability: after commit() succeeds, everything staged before it survives power loss.
// Threads:    one (the writer thread).
// Errors:     `io`, `no_space`; after any error the segment is given up: the caller keeps what was
//             durable and stages the group anew in another segment.
class SegmentWriter {
 public:
  // The file with its header is durable when this returns.
  static Result<std::unique_ptr<SegmentWriter>> create(FileSystem& fs,
                                                       const std::filesystem::path& path,
                                                       const SegmentHeader& header,
                                                       SegmentCapacity capacity);

  std::uint64_t id() const { return header_.segment_id; }
  const SegmentKey& key() const { return key_; }
  // Whether records of `bytes` stored bytes can be staged, with the footer still fitting behind.
  bool fits(std::uint64_t bytes, std::uint64_t records) const;

  // The definition is staged unless the segment has it.
  void stage_link(const LinkHash& hash, std::string_view encoded);
  // `record` stays unchanged until commit() returned.
  void stage(const Record& record, std::uint64_t sequence, std::uint8_t flags);
  // A record of another segment: its header there, and its body with its origin. The offset that it
  // gets.
  std::uint64_t stage_copy(const RecordHeader& original, const std::string& body,
                           WallTime accepted_at);
  std::uint64_t staged_end() const { return staged_end_; }
  Result<void> commit();

  // Writes and syncs the footer and gives unused blocks back. The bytes that the file now holds on
  // the disk. Precondition: nothing is staged.
  Result<std::uint64_t> close();

  // As of the last commit().
  std::uint64_t durable_end() const { return durable_end_; }
  const SegmentCounts& counts() const { return counts_; }
  std::uint64_t next_sequence() const { return next_sequence_; }

 private:
  SegmentWriter(std::unique_ptr<File> file, const SegmentHeader& header, SegmentCapacity capacity);
  // Completes the header's place in the segment.
  void stage_record(RecordHeader header, std::string_view head, std::string_view tail);

  struct Tail {
    std::size_t at;  // in staged_
    std::string_view bytes;
  };

  std::unique_ptr<File> file_;
  const SegmentHeader header_;
  const SegmentCapacity capacity_;
  const SegmentKey key_;
  std::uint64_t durable_end_ = kSegmentHeaderBytes;
  std::uint64_t staged_end_ = kSegmentHeaderBytes;
  std::uint64_t next_sequence_;
  std::uint64_t last_record_ = 0;  // offset of the last one staged
  SegmentCounts counts_;
  SegmentCounts staged_counts_;
  std::set<LinkHash> links_;
  std::string staged_;  // everything staged but the spans, which are written from where they are
  std::string envelope_;
  std::vector<Tail> tails_;
  std::vector<std::string_view> pieces_;
};

}  // namespace tracelink
