#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/file_system.hpp"
#include "daemon/queue/record_format.hpp"
#include "daemon/queue/record_order.hpp"

namespace tracelink {

// Which segment a file is. The key's version is 0 if nothing tells how its records are to be read.
struct SegmentOrigin {
  std::optional<SegmentHeader> header;  // nothing if every copy of it is damaged
  SegmentKey key;
};

// What the file of segment `segment_id` says of itself. A header that names another segment is
// none. Errors: `invalid` for a version this program does not know; `io`.
Result<SegmentOrigin> read_segment_origin(const File& file, std::uint64_t segment_id);

// A record as it lies in the file; `body` is valid until the reader is used again.
struct RawRecord {
  RecordHeader header;
  std::uint64_t offset = 0;
  std::uint64_t next_offset = 0;
  std::string_view body;
};

// Reads the records of one segment file through a window of bounded size.
//
// Threads: one at a time.
// Errors:  `corrupt` for bytes that are not a record of this segment; `io` for bytes that could not
//          be read, of which nothing is known. After `io` the reader is given up: failure() stays.
class SegmentReader {
 public:
  SegmentReader(std::unique_ptr<File> file, const SegmentKey& key);

  std::uint64_t segment_id() const { return key_.segment_id; }
  std::uint64_t first_record() const { return key_.first_record(); }

  // The record at `offset`. Precondition: offset < end; the record must end at or before `end`.
  Result<RawRecord> read(std::uint64_t offset, std::uint64_t end);

  // The record's header alone, if it has a checksum of its own (not in version 1).
  std::optional<RecordHeader> header_at(std::uint64_t offset, std::uint64_t end);
  std::uint64_t behind(const RecordHeader& header, std::uint64_t offset) const {
    return offset + stored_bytes(header, key_);
  }

  // There is no valid record at `damaged`: where the next one is that `order` allows, else `end`.
  // The work is linear in the bytes between, whatever they are. Means nothing after a failure().
  std::uint64_t find_record(std::uint64_t damaged, std::uint64_t end, const RecordOrder& order);

  // The first read that the operating system failed.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  std::uint64_t skip_whole_headers(std::uint64_t damaged, std::uint64_t end,
                                   const RecordOrder& order);
  bool is_candidate(const RecordHeader& header, std::uint64_t offset, std::uint64_t end) const;

  // `size` bytes at `offset`, or nothing: the file ends before, or there is a failure().
  std::optional<std::string_view> bytes(std::uint64_t offset, std::size_t size, std::uint64_t end);

  std::unique_ptr<File> file_;
  SegmentKey key_;
  std::string window_;
  std::uint64_t window_offset_ = 0;
  std::uint64_t search_budget_;
  std::optional<Error> failure_;
};

}  // namespace tracelink
