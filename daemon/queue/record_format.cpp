#include "daemon/queue/record_format.hpp"

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/little_endian.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kSegmentMagic = "TLSEGMNT";
constexpr std::uint32_t kRecordMagic = 0x43524C54;  // "TLRC"
constexpr std::uint8_t kFlagRootSeen = 1;           // in the envelope
constexpr std::uint8_t kFlagMoved = 2;              // likewise: an origin follows the experiment
constexpr std::uint8_t kFlagAcceptedSequence = 4;   // likewise: accepted_sequence comes behind both
constexpr std::size_t kExperimentBytesAt = 56;
constexpr std::size_t kEnvelopeFlagsAt = 58;
constexpr std::size_t kKindAt = 59;  // in the segment's header
constexpr std::size_t kChecksumAt = 4;
constexpr std::size_t kChecksummedFrom = 8;
constexpr std::size_t kRecordHeaderBytesOfVersion1 = 40;

std::uint32_t crc_of_number(std::uint32_t crc, std::uint64_t number) {
  char bytes[sizeof number];
  put_le(bytes, number);
  return crc32c(crc, {bytes, sizeof bytes});
}

// A record is one at its own offset only.
std::uint32_t header_checksum(std::string_view header, const SegmentKey& key,
                              std::uint64_t offset) {
  return crc32c(crc_of_number(key.header_seed(), offset), header.substr(kChecksummedFrom));
}

template <class Slice>
auto& payload_in(Slice& slice, RecordType type) {
  if (type == RecordType::trace_info) return slice.info;
  return type == RecordType::trace_change ? slice.change : slice.otlp;
}

// Behind magic and checksum.
RecordHeader take_record_header(LittleEndianReader in, std::uint32_t version) {
  RecordHeader header;
  if (version > 1) header.body_checksum = in.take<std::uint32_t>();
  header.body_bytes = in.take<std::uint32_t>();
  header.type = static_cast<RecordType>(in.take<std::uint8_t>());
  header.flags = in.take<std::uint8_t>();
  header.changes = in.take<std::uint16_t>();
  if (version > 1) header.spans = in.take<std::uint32_t>();
  header.sequence = in.take<std::uint64_t>();
  header.spans_before = in.take<std::uint32_t>();
  header.changes_before = in.take<std::uint32_t>();
  header.durable_end = in.take<std::uint64_t>();
  return header;
}

std::string encode_header_copy(const SegmentHeader& header) {
  std::string out(kSegmentMagic);
  append_le(out, header.version);
  const bool counts_changes = header.version >= kFirstVersionWithChanges;
  append_le(out, counts_changes ? header.first_change
                                : static_cast<std::uint32_t>(header.key().first_record()));
  append_le(out, header.segment_id);
  append_le(out, header.first_sequence);
  append_le(out, to_unix_ns(header.created_at));
  append_le(out, header.first_span);
  append_le(out, header.secret);
  out.resize(kHeaderCopyBytes - sizeof(std::uint32_t));
  out[kKindAt] = static_cast<char>(header.kind);
  append_le(out, crc32c(0, out));
  return out;
}

}  // namespace

std::uint32_t SegmentKey::header_seed() const {
  const auto seed = crc_of_number(0, segment_id);
  return version == 1 ? seed : crc_of_number(seed, secret);
}

// With the other seed it makes 64 bits that have to be guessed at once.
std::uint32_t SegmentKey::body_seed() const {
  return version == 1 ? header_seed() : static_cast<std::uint32_t>(secret >> 32);
}

std::uint64_t SegmentKey::first_record() const {
  return version == 1 ? kHeaderCopyBytes : kSegmentHeaderBytes;
}

std::size_t SegmentKey::record_header_bytes() const {
  return version == 1 ? kRecordHeaderBytesOfVersion1 : kRecordHeaderBytes;
}

void SegmentCounts::add(const RecordHeader& record, WallTime accepted_at,
                        std::uint64_t stored_bytes) {
  if (records++ == 0) first_accepted_at = accepted_at;
  spans += record.spans;
  changes += record.changes;
  if ((record.flags & kFlagReplayed) != 0) {
    replayed_spans += record.spans;
    replayed_changes += record.changes;
  }
  record_bytes += stored_bytes;
}

RecordType type_of(const Record& record) {
  if (!record.slice.change.empty()) return RecordType::trace_change;
  return record.slice.info.empty() ? RecordType::spans : RecordType::trace_info;
}

std::string_view payload_of(const Record& record) {
  return payload_in(record.slice, type_of(record));
}

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
  const std::size_t sequence = record.accepted_sequence == 0 ? 0 : kAcceptedSequenceBytes;
  return stored_bytes(kEnvelopeBytes + record.experiment.size() + sequence +
                      payload_of(record).size());
}

std::uint64_t stored_bytes(const RecordHeader& header, const SegmentKey& key) {
  return stored_bytes(header.body_bytes) - kRecordHeaderBytes + key.record_header_bytes();
}

std::string encode_segment_header(const SegmentHeader& header) {
  auto copy = encode_header_copy(header);
  if (header.version == 1) return copy;
  return copy + std::string(kHeaderCopyOffset - copy.size(), '\0') + copy;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kHeaderCopyBytes || !bytes.starts_with(kSegmentMagic)) {
    return Error{ErrorCode::corrupt, "no segment header"};
  }
  bytes = bytes.substr(0, kHeaderCopyBytes);
  const auto covered = bytes.substr(0, kHeaderCopyBytes - sizeof(std::uint32_t));
  if (get_le<std::uint32_t>(bytes.data() + covered.size()) != crc32c(0, covered)) {
    return Error{ErrorCode::corrupt, "segment header checksum"};
  }
  LittleEndianReader in(covered.substr(kSegmentMagic.size()));
  SegmentHeader header;
  header.version = in.take<std::uint32_t>();
  if (header.version == 0 || header.version > kSegmentVersion) {
    return Error{ErrorCode::invalid, "segment version " + std::to_string(header.version)};
  }
  const auto first_change = in.take<std::uint32_t>();
  if (header.version >= kFirstVersionWithChanges) header.first_change = first_change;
  header.segment_id = in.take<std::uint64_t>();
  header.first_sequence = in.take<std::uint64_t>();
  header.created_at = from_unix_ns(in.take<std::uint64_t>());
  header.first_span = in.take<std::uint64_t>();
  if (header.version > 1) header.secret = in.take<std::uint64_t>();
  header.kind = static_cast<SegmentKind>(bytes[kKindAt]);
  return header;
}

void append_record_head(std::string& out, RecordHeader header, std::string_view head,
                        std::string_view tail, const SegmentKey& key, std::uint64_t offset) {
  const std::size_t start = out.size();
  append_le(out, kRecordMagic);
  append_le(out, std::uint32_t{0});
  append_le(out, crc32c(crc32c(key.body_seed(), head), tail));
  append_le(out, static_cast<std::uint32_t>(head.size() + tail.size()));
  append_le(out, static_cast<std::uint8_t>(header.type));
  append_le(out, header.flags);
  append_le(out, header.changes);
  append_le(out, header.spans);
  append_le(out, header.sequence);
  append_le(out, static_cast<std::uint32_t>(header.spans_before));
  append_le(out, static_cast<std::uint32_t>(header.changes_before));
  append_le(out, header.durable_end);
  const auto encoded = std::string_view(out).substr(start);
  put_le(out.data() + start + kChecksumAt, header_checksum(encoded, key, offset));
  out.append(head);
}

std::optional<RecordHeader> decode_record_header(std::string_view bytes, const SegmentKey& key,
                                                 std::uint64_t offset) {
  if (key.version == 0 || bytes.size() < key.record_header_bytes()) return std::nullopt;
  bytes = bytes.substr(0, key.record_header_bytes());
  LittleEndianReader in(bytes);
  if (in.take<std::uint32_t>() != kRecordMagic) return std::nullopt;
  const auto checksum = in.take<std::uint32_t>();
  if (key.version > 1 && checksum != header_checksum(bytes, key, offset)) return std::nullopt;
  auto header = take_record_header(in, key.version);
  if (key.version == 1) header.body_checksum = checksum;
  if (header.body_bytes > kMaxBodyBytes) return std::nullopt;
  return header;
}

bool body_matches(std::string_view record, const RecordHeader& header, const SegmentKey& key) {
  const auto covered =
      record.substr(key.version == 1 ? kChecksummedFrom : key.record_header_bytes());
  return header.body_checksum == crc32c(key.body_seed(), covered);
}

void append_envelope(std::string& out, const Record& record) {
  std::uint8_t flags = record.slice.root_seen ? kFlagRootSeen : 0;
  if (record.accepted_sequence != 0) flags |= kFlagAcceptedSequence;
  append_le(out, to_unix_ns(record.accepted_at));
  append_le(out, record.peer.pid);
  append_le(out, record.peer.uid);
  append_le(out, record.peer.gid);
  append_le(out, record.slice.span_count);
  out.append(record.slice.trace_id.view());
  out.append(record.link.view());
  append_le(out, static_cast<std::uint16_t>(record.experiment.size()));
  append_le(out, flags);
  out.append(5, '\0');
  out.append(record.experiment);
  if (record.accepted_sequence != 0) append_le(out, record.accepted_sequence);
}

Result<Record> decode_record(RecordType type, std::string_view body) {
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
  const auto flags = in.take<std::uint8_t>();
  record.slice.root_seen = (flags & kFlagRootSeen) != 0;
  in.take_bytes(5);
  record.experiment = in.take_bytes(experiment_bytes);
  if ((flags & kFlagMoved) != 0) in.take_bytes(kOriginBytes);
  if ((flags & kFlagAcceptedSequence) != 0) record.accepted_sequence = in.take<std::uint64_t>();
  if (!in.ok()) return Error{ErrorCode::corrupt, "record envelope is too short"};
  record.slice.trace_id = *trace_id;
  record.link = *link;
  payload_in(record.slice, type) = in.rest();
  return record;
}

std::optional<std::uint32_t> envelope_spans(std::string_view body) {
  constexpr std::size_t kSpanCountAt = 20;
  if (body.size() < kEnvelopeBytes) return std::nullopt;
  const auto experiment_bytes = get_le<std::uint16_t>(body.data() + kExperimentBytesAt);
  const auto flags = static_cast<std::uint8_t>(body[kEnvelopeFlagsAt]);
  std::size_t more = experiment_bytes;
  if ((flags & kFlagMoved) != 0) more += kOriginBytes;
  if ((flags & kFlagAcceptedSequence) != 0) more += kAcceptedSequenceBytes;
  if (body.size() - kEnvelopeBytes < more) return std::nullopt;
  return get_le<std::uint32_t>(body.data() + kSpanCountAt);
}

WallTime envelope_accepted_at(std::string_view body) {
  return from_unix_ns(get_le<std::uint64_t>(body.data()));
}

std::optional<RecordOrigin> decode_origin(std::string_view body) {
  if ((static_cast<std::uint8_t>(body[kEnvelopeFlagsAt]) & kFlagMoved) == 0) return std::nullopt;
  const auto experiment_bytes = get_le<std::uint16_t>(body.data() + kExperimentBytesAt);
  LittleEndianReader in(body.substr(kEnvelopeBytes + experiment_bytes));
  RecordOrigin origin;
  origin.segment_id = in.take<std::uint64_t>();
  origin.offset = in.take<std::uint64_t>();
  origin.sequence = in.take<std::uint64_t>();
  return origin;
}

std::string moved_body(std::string_view body, const RecordOrigin& origin) {
  if (decode_origin(body)) return std::string(body);
  const auto experiment_bytes = get_le<std::uint16_t>(body.data() + kExperimentBytesAt);
  const std::size_t head = kEnvelopeBytes + experiment_bytes;
  std::string out;
  out.reserve(body.size() + kOriginBytes);
  out.append(body.substr(0, head));
  out[kEnvelopeFlagsAt] = static_cast<char>(out[kEnvelopeFlagsAt] | kFlagMoved);
  append_le(out, origin.segment_id);
  append_le(out, origin.offset);
  append_le(out, origin.sequence);
  out.append(body.substr(head));
  return out;
}

std::string encode_footer(const SegmentFooter& footer) {
  const auto& counts = footer.counts;
  std::string out;
  append_le(out, counts.records);
  for (const auto count :
       {counts.spans, counts.changes, counts.replayed_spans, counts.replayed_changes}) {
    append_le(out, static_cast<std::uint32_t>(count));
  }
  append_le(out, counts.record_bytes);
  append_le(out, to_unix_ns(counts.first_accepted_at));
  append_le(out, footer.last_record);
  return out;
}

Result<SegmentFooter> decode_footer(std::string_view body) {
  LittleEndianReader in(body);
  SegmentFooter footer;
  auto& counts = footer.counts;
  counts.records = in.take<std::uint64_t>();
  counts.spans = in.take<std::uint32_t>();
  counts.changes = in.take<std::uint32_t>();
  counts.replayed_spans = in.take<std::uint32_t>();
  counts.replayed_changes = in.take<std::uint32_t>();
  counts.record_bytes = in.take<std::uint64_t>();
  counts.first_accepted_at = from_unix_ns(in.take<std::uint64_t>());
  footer.last_record = in.take<std::uint64_t>();
  if (!in.ok()) return Error{ErrorCode::corrupt, "segment footer is too short"};
  return footer;
}

}  // namespace tracelink
