#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// The bytes of a segment file (docs/queue-format.md). All integers little-endian.

inline constexpr std::uint32_t kSegmentVersion = 6;     // what is written
inline constexpr std::size_t kHeaderCopyBytes = 64;     // a segment's header, once
inline constexpr std::size_t kHeaderCopyOffset = 4096;  // the second one: in another disk block
inline constexpr std::size_t kSegmentHeaderBytes = kHeaderCopyOffset + kHeaderCopyBytes;
inline constexpr std::size_t kRecordHeaderBytes = 48;
inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::size_t kEnvelopeBytes = 64;  // before the experiment and the payload
inline constexpr std::size_t kMaxExperimentBytes = 0xFFFF;
inline constexpr std::size_t kMaxBodyBytes = 1u << 30;

enum class RecordType : std::uint8_t {
  spans = 1,
  link = 2,
  footer = 3,
  trace_info = 4,
  trace_change = 5
};

// It came from a client: it has an envelope, a sequence of its own, and an end that is journalled.
constexpr bool is_accepted(RecordType type) {
  return type == RecordType::spans || type == RecordType::trace_info ||
         type == RecordType::trace_change;
}
RecordType type_of(const Record& record);

inline constexpr std::uint8_t kFlagReplayed = 1;  // its spans came back from dead letters

// How the records of one segment are laid out, and what their checksums start from.
//
// The secret is random: whoever chooses bytes of a record does not know it, and so cannot make them
// look like a record. It is never logged and never copied to where a client can read it.
struct SegmentKey {
  std::uint64_t segment_id = 0;
  std::uint32_t version = kSegmentVersion;  // 0: unknown, so that nothing is a record
  std::uint64_t secret = 0;                 // version 1 has none

  std::uint32_t header_seed() const;  // also of the journal's entries
  std::uint32_t body_seed() const;
  std::uint64_t first_record() const;  // its offset
  std::size_t record_header_bytes() const;
  bool operator==(const SegmentKey&) const = default;
};
enum class SegmentKind : std::uint8_t { accepted = 0, moved = 1 };

struct SegmentHeader {
  std::uint32_t version = kSegmentVersion;
  std::uint64_t segment_id = 0;
  std::uint64_t first_sequence = 0;
  WallTime created_at{};
  std::uint64_t first_span = 0;  // how many spans the earlier segments of the state directory held
  std::uint32_t first_change = 0;  // likewise of changes, modulo 2^32; not before version 5
  std::uint64_t secret = 0;
  SegmentKind kind = SegmentKind::accepted;

  SegmentKey key() const {
    return {.segment_id = segment_id, .version = version, .secret = secret};
  }
  bool operator==(const SegmentHeader&) const = default;
};

struct RecordHeader {
  std::uint32_t body_bytes = 0;
  std::uint32_t body_checksum = 0;  // in version 1 it covers the header too
  RecordType type = RecordType::spans;
  std::uint8_t flags = 0;
  std::uint16_t changes = 0;       // 1: a change of a trace, which is counted as such
  std::uint32_t spans = 0;         // in this record
  std::uint64_t sequence = 0;      // of an accepted record; else the next one's
  std::uint64_t spans_before = 0;  // spans in the segment's records before this one
  std::uint64_t changes_before = 0;
  std::uint64_t durable_end = 0;  // everything below was durable when this record was written
  bool operator==(const RecordHeader&) const = default;
};

// What a segment holds, written when it is closed.
struct SegmentCounts {
  std::uint64_t records = 0;
  std::uint64_t spans = 0;
  std::uint64_t replayed_spans = 0;
  std::uint64_t changes = 0;  // of traces
  std::uint64_t replayed_changes = 0;
  std::uint64_t record_bytes = 0;  // of accepted records, with header and padding
  WallTime first_accepted_at{};

  void add(const RecordHeader& record, WallTime accepted_at, std::uint64_t stored_bytes);
  bool operator==(const SegmentCounts&) const = default;
};
struct SegmentFooter {
  SegmentCounts counts;
  std::uint64_t last_record = 0;  // the offset of the record before the footer; 0: there is none
  bool operator==(const SegmentFooter&) const = default;
};
inline constexpr std::size_t kFooterBytes = kRecordHeaderBytes + 48;

// The first version that counts changes of traces.
inline constexpr std::uint32_t kFirstVersionWithChanges = 5;

// Size in the file: header, body, padding. As this version writes it, or as `key` has it.
std::uint64_t stored_bytes(std::uint64_t body_bytes);
std::uint64_t stored_bytes(const Record& record);
std::uint64_t stored_bytes(const RecordHeader& header, const SegmentKey& key);

// Both copies and what lies between.
std::string encode_segment_header(const SegmentHeader& header);
// One copy. `corrupt`; `invalid` for a version this program does not know.
Result<SegmentHeader> decode_segment_header(std::string_view bytes);

// Appends header and `head` to `out`; `tail` is the rest of the body, kept elsewhere. The padding
// that record_padding() asks for follows the tail. `offset` is where the record will lie: elsewhere
// it is none. The header's body_bytes and body_checksum are computed here.
void append_record_head(std::string& out, RecordHeader header, std::string_view head,
                        std::string_view tail, const SegmentKey& key, std::uint64_t offset);
std::size_t record_padding(std::uint64_t body_bytes);

// The header at `offset`, if there is one. Version 1 has no checksum of the header alone: there
// the magic decides, until body_matches().
std::optional<RecordHeader> decode_record_header(std::string_view bytes, const SegmentKey& key,
                                                 std::uint64_t offset);
// `record` is header and body.
bool body_matches(std::string_view record, const RecordHeader& header, const SegmentKey& key);

void append_envelope(std::string& out, const Record& record);  // the body without the payload
std::string_view payload_of(const Record& record);             // what follows it
// `type`: is_accepted(). Error: `corrupt`.
Result<Record> decode_record(RecordType type, std::string_view body);
// The envelope's count; nothing if the body is none of an accepted record.
std::optional<std::uint32_t> envelope_spans(std::string_view body);
// Precondition: envelope_spans() has one.
WallTime envelope_accepted_at(std::string_view body);

// Where a record was stored when it was accepted: what it is called as long as it lives.
struct RecordOrigin {
  std::uint64_t segment_id = 0;
  std::uint64_t offset = 0;
  std::uint64_t sequence = 0;
  bool operator==(const RecordOrigin&) const = default;
};
inline constexpr std::size_t kOriginBytes = 24;
inline constexpr std::size_t kAcceptedSequenceBytes = 8;  // of a record that has one
// Of a record that was moved. Precondition: envelope_spans() has a count.
std::optional<RecordOrigin> decode_origin(std::string_view body);
// The body of its copy in another segment. `origin` counts if it was not moved before.
std::string moved_body(std::string_view body, const RecordOrigin& origin);

std::string encode_footer(const SegmentFooter& footer);
Result<SegmentFooter> decode_footer(std::string_view body);  // `corrupt`

std::uint64_t to_unix_ns(WallTime time);
WallTime from_unix_ns(std::uint64_t ns);

}  // namespace tracelink
