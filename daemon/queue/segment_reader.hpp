#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/file_system.hpp"
#include "daemon/queue/record_format.hpp"

namespace tracelink {

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
// Errors:  `corrupt` for bytes that are not a record of this segment, also where the disk cannot
//          read them: either way nothing better will come from reading on.
class SegmentReader {
 public:
  SegmentReader(std::unique_ptr<File> file, std::uint64_t segment_id);

  std::uint64_t segment_id() const { return segment_id_; }

  // The record at `offset`. Precondition: offset < end; the record must end at or before `end`.
  Result<RawRecord> read(std::uint64_t offset, std::uint64_t end);

  // The first offset >= `from` where a valid record starts, else `end`.
  std::uint64_t find_record(std::uint64_t from, std::uint64_t end);

  // Bytes [offset, offset + size) as far as they can be read.
  std::string raw_bytes(std::uint64_t offset, std::size_t size) const;

 private:
  // `size` bytes at `offset`, or nothing.
  std::optional<std::string_view> bytes(std::uint64_t offset, std::size_t size, std::uint64_t end);

  std::unique_ptr<File> file_;
  std::uint64_t segment_id_;
  std::uint32_t seed_;
  std::string window_;
  std::uint64_t window_offset_ = 0;
};

}  // namespace tracelink
