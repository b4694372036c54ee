#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/little_endian.hpp"
#include "daemon/queue/record_format.hpp"

namespace tracelink {

// Bytes of segments as version 1 wrote them (docs/queue-format.md), for tests of reading them.

inline constexpr std::size_t kFooterBytesOfVersion1 = 80;

inline std::string record_of_version1(std::uint64_t segment_id, RecordType type,
                                      std::string_view body, std::uint64_t sequence,
                                      std::uint64_t spans_before, std::uint64_t durable_end) {
  std::string covered;
  append_le(covered, static_cast<std::uint32_t>(body.size()));
  append_le(covered, static_cast<std::uint8_t>(type));
  covered.append(3, '\0');
  append_le(covered, sequence);
  append_le(covered, spans_before);
  append_le(covered, durable_end);
  covered += body;
  const SegmentKey key{.segment_id = segment_id, .version = 1};
  std::string out = "TLRC";
  append_le(out, crc32c(key.header_seed(), covered));
  return out + covered + std::string(record_padding(body.size()), '\0');
}

inline std::string footer_of_version1(std::uint64_t segment_id, std::uint64_t offset,
                                      std::uint64_t sequence = 1, std::uint64_t spans = 0) {
  std::string body;
  append_le(body, sequence - 1);
  append_le(body, spans);
  body.append(24, '\0');
  return record_of_version1(segment_id, RecordType::footer, body, sequence, spans, offset);
}

// A whole segment, without a footer.
class SegmentOfVersion1 {
 public:
  explicit SegmentOfVersion1(std::uint64_t id)
      : id_(id),
        bytes_(encode_segment_header({.version = 1, .segment_id = id, .first_sequence = 1})) {}

  void add(const Record& record) {
    std::string body;
    append_envelope(body, record);
    body += record.slice.otlp;
    bytes_ += record_of_version1(id_, RecordType::spans, body, sequence_++, spans_, bytes_.size());
    spans_ += record.slice.span_count;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  const std::uint64_t id_;
  std::uint64_t sequence_ = 1;
  std::uint64_t spans_ = 0;
  std::string bytes_;
};

}  // namespace tracelink
