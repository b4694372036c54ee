#include "daemon/queue/segment_reader.hpp"

#include <algorithm>

namespace tracelink {
namespace {

constexpr std::size_t kWindowBytes = 256u << 10;
// Version 1 finds out only from a whole body that something is no record; a client that chose the
// bytes could have it read one for every eight bytes.
constexpr std::uint64_t kSearchBudgetOfVersion1 = 256u << 20;

Result<SegmentHeader> read_header_copy(const File& file, std::uint64_t offset,
                                       std::uint64_t segment_id) {
  const auto bytes = file.read_at(offset, kHeaderCopyBytes);
  if (!bytes) return bytes.error();
  auto header = decode_segment_header(*bytes);
  if (header && header->segment_id != segment_id) {
    return Error{ErrorCode::corrupt, "the header of another segment"};
  }
  return header;
}

// A file without a header is one of version 1 if it has such a record where they began: later
// versions have no client's bytes there.
Result<bool> begins_as_version1(const File& file, const SegmentKey& key) {
  const auto head = file.read_at(key.first_record(), key.record_header_bytes());
  if (!head) return head.error();
  const auto header = decode_record_header(*head, key, key.first_record());
  if (!header) return false;
  const auto size = key.record_header_bytes() + header->body_bytes;
  const auto record = file.read_at(key.first_record(), size);
  if (!record) return record.error();
  return record->size() == size && body_matches(*record, *header, key);
}

}  // namespace

Result<SegmentOrigin> read_segment_origin(const File& file, std::uint64_t segment_id) {
  const auto first = read_header_copy(file, 0, segment_id);
  if (first) return SegmentOrigin{*first, first->key()};
  if (first.error().code != ErrorCode::corrupt) return first.error();
  SegmentOrigin origin{std::nullopt, {.segment_id = segment_id, .version = 1}};
  const auto version1 = begins_as_version1(file, origin.key);
  if (!version1) return version1.error();
  if (*version1) return origin;
  const auto second = read_header_copy(file, kHeaderCopyOffset, segment_id);
  if (!second && second.error().code != ErrorCode::corrupt) return second.error();
  if (second && second->version > 1) return SegmentOrigin{*second, second->key()};
  origin.key.version = 0;
  return origin;
}

SegmentReader::SegmentReader(std::unique_ptr<File> file, const SegmentKey& key)
    : file_(std::move(file)), key_(key), search_budget_(kSearchBudgetOfVersion1) {}

std::optional<std::string_view> SegmentReader::bytes(std::uint64_t offset, std::size_t size,
                                                     std::uint64_t end) {
  if (offset + size > end) return std::nullopt;
  if (offset < window_offset_ || offset + size > window_offset_ + window_.size()) {
    const auto wanted =
        std::max<std::uint64_t>(size, std::min<std::uint64_t>(kWindowBytes, end - offset));
    auto read = file_->read_at(offset, static_cast<std::size_t>(wanted));
    // One unreadable block must not hide the readable ones before it.
    if (!read) read = file_->read_at(offset, size);
    if (!read && !failure_) failure_ = read.error();
    window_ = read ? *std::move(read) : std::string();
    window_offset_ = offset;
    if (window_.size() < size) return std::nullopt;
  }
  return std::string_view(window_).substr(static_cast<std::size_t>(offset - window_offset_), size);
}

Result<RawRecord> SegmentReader::read(std::uint64_t offset, std::uint64_t end) {
  const auto where = [&] {
    return "segment " + std::to_string(segment_id()) + " offset " + std::to_string(offset);
  };
  const auto head_bytes = key_.record_header_bytes();
  const auto head = bytes(offset, head_bytes, end);
  if (failure_) return *failure_;
  if (!head) return Error{ErrorCode::corrupt, where() + ": the file ends"};
  auto header = decode_record_header(*head, key_, offset);
  if (!header) return Error{ErrorCode::corrupt, where() + ": no record header"};
  const auto record = bytes(offset, head_bytes + header->body_bytes, end);
  if (failure_) return *failure_;
  if (!record || !body_matches(*record, *header, key_)) {
    return Error{ErrorCode::corrupt, where() + ": record checksum"};
  }
  const auto body = record->substr(head_bytes);
  if (is_accepted(header->type)) {
    const auto spans = envelope_spans(body);
    if (key_.version == 1) header->spans = spans.value_or(0);
    if (spans != header->spans) return Error{ErrorCode::corrupt, where() + ": record envelope"};
  }
  return RawRecord{*header, offset, behind(*header, offset), body};
}

std::optional<RecordHeader> SegmentReader::header_at(std::uint64_t offset, std::uint64_t end) {
  if (key_.version == 1) return std::nullopt;
  const auto head = bytes(offset, key_.record_header_bytes(), end);
  return head ? decode_record_header(*head, key_, offset) : std::nullopt;
}

std::uint64_t SegmentReader::find_record(std::uint64_t damaged, std::uint64_t end,
                                         const RecordOrder& order) {
  auto offset = skip_whole_headers(damaged, end, order);
  const auto head_bytes = key_.record_header_bytes();
  while (offset + head_bytes <= end) {
    const auto head = bytes(offset, head_bytes, end);
    if (!head) return end;
    const auto header = decode_record_header(*head, key_, offset);
    if (offset > damaged && header && order.allows_behind_gap(*header, offset, offset - damaged) &&
        is_candidate(*header, offset, end)) {
      if (read(offset, end)) return offset;
      search_budget_ -= key_.version == 1 ? header->body_bytes : 0;
    }
    offset += kRecordAlignment;
  }
  return end;
}

// A footer of version 1 says only what whoever chose its bytes wants it to say.
bool SegmentReader::is_candidate(const RecordHeader& header, std::uint64_t offset,
                                 std::uint64_t end) const {
  if (behind(header, offset) > end) return false;
  if (key_.version > 1) return true;
  return header.type != RecordType::footer && header.body_bytes <= search_budget_;
}

// A record whose header is whole says itself where the next one begins, so that nothing in its body
// is looked at.
std::uint64_t SegmentReader::skip_whole_headers(std::uint64_t damaged, std::uint64_t end,
                                                const RecordOrder& order) {
  auto offset = damaged;
  while (offset < end) {
    const auto header = header_at(offset, end);
    if (!header || !order.allows_behind_gap(*header, offset, offset - damaged)) break;
    if (offset > damaged && read(offset, end)) break;
    offset = behind(*header, offset);
  }
  return std::min(offset, end);
}

}  // namespace tracelink
