#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/queue/record_format.hpp"
#include "daemon/queue/segment_reader.hpp"

namespace tracelink {

// Bytes [begin, end) that hold no valid record.
struct Gap {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t spans = 0;  // that were stored there, as the neighbours know
  std::uint64_t changes = 0;
  std::uint64_t records = 0;
  bool torn = false;  // it was never acknowledged: a crash, not damage
};

struct SegmentContent {
  SegmentOrigin origin;
  SegmentCounts counts;             // of the valid records
  std::uint64_t end = 0;            // behind the last valid record
  std::uint64_t next_sequence = 0;  // behind the last valid record
  std::uint64_t spans_end = 0;      // spans before `end`, lost ones included
  std::uint64_t changes_end = 0;
  bool closed = false;  // there is a footer
  std::vector<Gap> gaps;
};

// What these two return means nothing if the reader has a failure() afterwards.

// What the footer says. Nothing if there is none, or if anything of it does not follow from the
// segment's header, the record before it and `file_bytes`; that of version 1 cannot tell.
std::optional<SegmentContent> read_footer(SegmentReader& reader, const SegmentOrigin& origin,
                                          std::uint64_t file_bytes);

// Reads the whole segment up to `end`. `on_link` gets every link definition.
SegmentContent scan_segment(SegmentReader& reader, const SegmentOrigin& origin, std::uint64_t end,
                            const std::function<void(std::string_view)>& on_link);

}  // namespace tracelink
