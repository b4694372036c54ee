#include "daemon/queue/segment_reader.hpp"

#include <algorithm>

namespace tracelink {
namespace {

constexpr std::size_t kWindowBytes = 256u << 10;
constexpr std::uint64_t kUnreadableStep = 4096;  // what a disk loses at once
constexpr int kReadAttempts = 3;

std::optional<std::string> read_patiently(const File& file, std::uint64_t offset,
                                          std::size_t size) {
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    if (auto bytes = file.read_at(offset, size)) return *std::move(bytes);
  }
  return std::nullopt;
}

}  // namespace

SegmentReader::SegmentReader(std::unique_ptr<File> file, std::uint64_t segment_id)
    : file_(std::move(file)), segment_id_(segment_id), seed_(checksum_seed(segment_id)) {}

std::optional<std::string_view> SegmentReader::bytes(std::uint64_t offset, std::size_t size,
                                                     std::uint64_t end) {
  if (offset + size > end) return std::nullopt;
  if (offset < window_offset_ || offset + size > window_offset_ + window_.size()) {
    const auto wanted =
        std::max<std::uint64_t>(size, std::min<std::uint64_t>(kWindowBytes, end - offset));
    auto read = read_patiently(*file_, offset, static_cast<std::size_t>(wanted));
    // One unreadable block must not hide the readable ones before it.
    if (!read && wanted > size) read = read_patiently(*file_, offset, size);
    window_ = read ? *std::move(read) : std::string();
    window_offset_ = offset;
    if (window_.size() < size) return std::nullopt;
  }
  return std::string_view(window_).substr(static_cast<std::size_t>(offset - window_offset_), size);
}

Result<RawRecord> SegmentReader::read(std::uint64_t offset, std::uint64_t end) {
  const auto where = [&] {
    return "segment " + std::to_string(segment_id_) + " offset " + std::to_string(offset);
  };
  const auto head = bytes(offset, kRecordHeaderBytes, end);
  if (!head) return Error{ErrorCode::corrupt, where() + ": unreadable"};
  const auto header = decode_record_header(*head);
  if (!header) return Error{ErrorCode::corrupt, where() + ": no record header"};
  const auto record = bytes(offset, kRecordHeaderBytes + header->body_bytes, end);
  if (!record || !checksum_matches(*record, seed_)) {
    return Error{ErrorCode::corrupt, where() + ": record checksum"};
  }
  return RawRecord{*header, offset, offset + stored_bytes(header->body_bytes),
                   record->substr(kRecordHeaderBytes)};
}

std::uint64_t SegmentReader::find_record(std::uint64_t from, std::uint64_t end) {
  auto offset = (from + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
  while (offset + kRecordHeaderBytes <= end) {
    const auto head = bytes(offset, kRecordHeaderBytes, end);
    if (!head) {
      offset = (offset / kUnreadableStep + 1) * kUnreadableStep;
      continue;
    }
    if (decode_record_header(*head) && read(offset, end)) return offset;
    offset += kRecordAlignment;
  }
  return end;
}

std::string SegmentReader::raw_bytes(std::uint64_t offset, std::size_t size) const {
  return read_patiently(*file_, offset, size).value_or(std::string());
}

}  // namespace tracelink
