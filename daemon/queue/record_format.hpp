#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// The bytes of a segment file (docs/queue-format.md). All integers little-endian.

inline constexpr std::uint32_t kSegmentVersion = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kRecordHeaderBytes = 40;
inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::size_t kEnvelopeBytes = 64;  // before the experiment and the spans
inline constexpr std::size_t kMaxExperimentBytes = 0xFFFF;
inline constexpr std::size_t kMaxBodyBytes = 1u << 30;

enum class RecordType : std::uint8_t { spans = 1, link = 2, footer = 3 };

inline constexpr std::uint8_t kFlagReplayed = 1;  // its spans came back from dead letters

struct SegmentHeader {
  std::uint64_t segment_id = 0;
  std::uint64_t first_sequence = 0;
  WallTime created_at{};
  std::uint64_t first_span = 0;  // how many spans the earlier segments of the state directory held
  bool operator==(const SegmentHeader&) const = default;
};

struct RecordHeader {
  std::uint32_t body_bytes = 0;
  RecordType type = RecordType::spans;
  std::uint8_t flags = 0;
  std::uint64_t sequence = 0;      // of a spans record; else the next one's
  std::uint64_t spans_before = 0;  // spans in the segment's records before this one
  std::uint64_t durable_end = 0;   // everything below was durable when this record was written
  bool operator==(const RecordHeader&) const = default;
};

// What a segment holds, written when it is closed.
struct SegmentCounts {
  std::uint64_t records = 0;
  std::uint64_t spans = 0;
  std::uint64_t replayed_spans = 0;
  std::uint64_t record_bytes = 0;  // of spans records, with header and padding
  WallTime first_accepted_at{};
  bool operator==(const SegmentCounts&) const = default;
};
inline constexpr std::size_t kFooterBytes = kRecordHeaderBytes + 40;

// Size in the file: header, body, padding.
std::uint64_t stored_bytes(std::uint64_t body_bytes);
std::uint64_t stored_bytes(const Record& record);

std::string encode_segment_header(const SegmentHeader& header);
// `corrupt`; `invalid` for a version this program does not know.
Result<SegmentHeader> decode_segment_header(std::string_view bytes);

// The checksum's start value: a record of another segment is not a record here.
std::uint32_t checksum_seed(std::uint64_t segment_id);

// Appends header and `head` to `out`; `tail` is the rest of the body, kept elsewhere. The padding
// that record_padding() asks for follows the tail.
void append_record_head(std::string& out, const RecordHeader& header, std::string_view head,
                        std::string_view tail, std::uint32_t seed);
std::size_t record_padding(std::uint64_t body_bytes);

// The header's fields if magic and type are plausible; the checksum is not looked at.
std::optional<RecordHeader> decode_record_header(std::string_view bytes);
// `record` is header and body.
bool checksum_matches(std::string_view record, std::uint32_t seed);

void append_envelope(std::string& out, const Record& record);  // the body without the spans
Result<Record> decode_record(std::string_view body);           // `corrupt`

std::string encode_footer(const SegmentCounts& counts);
Result<SegmentCounts> decode_footer(std::string_view body);  // `corrupt`

std::uint64_t to_unix_ns(WallTime time);
WallTime from_unix_ns(std::uint64_t ns);

}  // namespace tracelink
