#pragma once

#include <cstdint>

#include "daemon/queue/record_format.hpp"

namespace tracelink {

// What the records before an offset of a segment say about the one that comes next. A record that
// does not fit is none, whatever its checksum says: what was counted before it stays counted.
struct RecordOrder {
  std::uint64_t sequence = 0;      // of the next record; 0: unknown
  std::uint64_t spans_before = 0;  // in the segment
  std::uint64_t changes_before = 0;
  std::uint64_t durable_end = 0;  // the highest mark so far

  // The record at `offset` follows at once.
  bool is_followed_by(const RecordHeader& header, std::uint64_t offset) const;
  // It follows behind `gap_bytes` bytes that hold no valid record: no more records and spans may be
  // missing than those bytes can have held.
  bool allows_behind_gap(const RecordHeader& header, std::uint64_t offset,
                         std::uint64_t gap_bytes) const;
  void advance(const RecordHeader& header);
};

}  // namespace tracelink
