#include "daemon/queue/record_format.hpp"

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/little_endian.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kSegmentMagic = "TLSEGMNT";
constexpr std::uint32_t kRecordMagic = 0x43524C54;  // "TLRC"
constexpr std::uint8_t kFlagRootSeen = 1;           // in the envelope
constexpr std::size_t kChecksumAt = 4;
constexpr std::size_t kChecksummedFrom = 8;

}  // namespace

std::uint64_t to_unix_ns(WallTime time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

WallTime from_unix_ns(std::uint64_t ns) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::chrono::nanoseconds(static_cast<std::int64_t>(ns))));
}

std::size_t record_padding(std::uint64_t body_bytes) {
  const std::uint64_t over = (kRecordHeaderBytes + body_bytes) % kRecordAlignment;
  return over == 0 ? 0 : static_cast<std::size_t>(kRecordAlignment - over);
}

std::uint64_t stored_bytes(std::uint64_t body_bytes) {
  return kRecordHeaderBytes + body_bytes + record_padding(body_bytes);
}

std::uint64_t stored_bytes(const Record& record) {
  return stored_bytes(kEnvelopeBytes + record.experiment.size() + record.slice.otlp.size());
}

std::string encode_segment_header(const SegmentHeader& header) {
  std::string out(kSegmentMagic);
  append_le(out, kSegmentVersion);
  append_le(out, static_cast<std::uint32_t>(kSegmentHeaderBytes));
  append_le(out, header.segment_id);
  append_le(out, header.first_sequence);
  append_le(out, to_unix_ns(header.created_at));
  append_le(out, header.first_span);
  out.resize(kSegmentHeaderBytes - sizeof(std::uint32_t));
  append_le(out, crc32c(0, out));
  return out;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kSegmentMagic)) {
    return Error{ErrorCode::corrupt, "no segment header"};
  }
  bytes = bytes.substr(0, kSegmentHeaderBytes);
  const auto covered = bytes.substr(0, kSegmentHeaderBytes - sizeof(std::uint32_t));
  if (get_le<std::uint32_t>(bytes.data() + covered.size()) != crc32c(0, covered)) {
    return Error{ErrorCode::corrupt, "segment header checksum"};
  }
  LittleEndianReader in(covered.substr(kSegmentMagic.size()));
  const auto version = in.take<std::uint32_t>();
  if (version != kSegmentVersion) {
    return Error{ErrorCode::invalid, "segment version " + std::to_string(version)};
  }
  in.take<std::uint32_t>();
  SegmentHeader header;
  header.segment_id = in.take<std::uint64_t>();
  header.first_sequence = in.take<std::uint64_t>();
  header.created_at = from_unix_ns(in.take<std::uint64_t>());
  header.first_span = in.take<std::uint64_t>();
  return header;
}

std::uint32_t checksum_seed(std::uint64_t segment_id) {
  char bytes[sizeof segment_id];
  put_le(bytes, segment_id);
  return crc32c(0, {bytes, sizeof bytes});
}

void append_record_head(std::string& out, const RecordHeader& header, std::string_view head,
                        std::string_view tail, std::uint32_t seed) {
  const std::size_t start = out.size();
  append_le(out, kRecordMagic);
  append_le(out, std::uint32_t{0});
  append_le(out, header.body_bytes);
  append_le(out, static_cast<std::uint8_t>(header.type));
  append_le(out, header.flags);
  append_le(out, std::uint16_t{0});
  append_le(out, header.sequence);
  append_le(out, header.spans_before);
  append_le(out, header.durable_end);
  out.append(head);
  const auto covered = std::string_view(out).substr(start + kChecksummedFrom);
  put_le(out.data() + start + kChecksumAt, crc32c(crc32c(seed, covered), tail));
}

std::optional<RecordHeader> decode_record_header(std::string_view bytes) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  LittleEndianReader in(bytes);
  if (in.take<std::uint32_t>() != kRecordMagic) return std::nullopt;
  in.take<std::uint32_t>();
  RecordHeader header;
  header.body_bytes = in.take<std::uint32_t>();
  header.type = static_cast<RecordType>(in.take<std::uint8_t>());
  header.flags = in.take<std::uint8_t>();
  in.take<std::uint16_t>();
  header.sequence = in.take<std::uint64_t>();
  header.spans_before = in.take<std::uint64_t>();
  header.durable_end = in.take<std::uint64_t>();
  if (header.body_bytes > kMaxBodyBytes) return std::nullopt;
  return header;
}

bool checksum_matches(std::string_view record, std::uint32_t seed) {
  return get_le<std::uint32_t>(record.data() + kChecksumAt) ==
         crc32c(seed, record.substr(kChecksummedFrom));
}

void append_envelope(std::string& out, const Record& record) {
  append_le(out, to_unix_ns(record.accepted_at));
  append_le(out, record.peer.pid);
  append_le(out, record.peer.uid);
  append_le(out, record.peer.gid);
  append_le(out, record.slice.span_count);
  out.append(record.slice.trace_id.view());
  out.append(record.link.view());
  append_le(out, static_cast<std::uint16_t>(record.experiment.size()));
  append_le(out, static_cast<std::uint8_t>(record.slice.root_seen ? kFlagRootSeen : 0));
  out.append(5, '\0');
  out.append(record.experiment);
}

Result<Record> decode_record(std::string_view body) {
  LittleEndianReader in(body);
  Record record;
  record.accepted_at = from_unix_ns(in.take<std::uint64_t>());
  record.peer.pid = in.take<std::uint32_t>();
  record.peer.uid = in.take<std::uint32_t>();
  record.peer.gid = in.take<std::uint32_t>();
  record.slice.span_count = in.take<std::uint32_t>();
  const auto trace_id = TraceId::from_bytes(in.take_bytes(16));
  const auto link = LinkHash::from_bytes(in.take_bytes(16));
  const auto experiment_bytes = in.take<std::uint16_t>();
  record.slice.root_seen = (in.take<std::uint8_t>() & kFlagRootSeen) != 0;
  in.take_bytes(5);
  record.experiment = in.take_bytes(experiment_bytes);
  if (!in.ok()) return Error{ErrorCode::corrupt, "record envelope is too short"};
  record.slice.trace_id = *trace_id;
  record.link = *link;
  record.slice.otlp = in.rest();
  return record;
}

std::string encode_footer(const SegmentCounts& counts) {
  std::string out;
  append_le(out, counts.records);
  append_le(out, counts.spans);
  append_le(out, counts.replayed_spans);
  append_le(out, counts.record_bytes);
  append_le(out, to_unix_ns(counts.first_accepted_at));
  return out;
}

Result<SegmentCounts> decode_footer(std::string_view body) {
  LittleEndianReader in(body);
  SegmentCounts counts;
  counts.records = in.take<std::uint64_t>();
  counts.spans = in.take<std::uint64_t>();
  counts.replayed_spans = in.take<std::uint64_t>();
  counts.record_bytes = in.take<std::uint64_t>();
  counts.first_accepted_at = from_unix_ns(in.take<std::uint64_t>());
  if (!in.ok()) return Error{ErrorCode::corrupt, "segment footer is too short"};
  return counts;
}

}  // namespace tracelink
