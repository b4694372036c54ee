#include "daemon/destination/databricks/sent_journal.hpp"

#include <optional>
#include <utility>

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/little_endian.hpp"
#include "daemon/queue/record_format.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kMagic{"TLSENT\0\0\1\0\0\0\0\0\0\0", 16};  // with version 1
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kFrameBytes = 8;  // length and checksum of an entry
constexpr std::size_t kIdBytes = 8;

std::string encode_header(WallTime complete_since) {
  std::string out(kMagic);
  append_le(out, to_unix_ns(complete_since));
  append_le(out, crc32c(0, out));
  append_le(out, std::uint32_t{0});
  return out;
}

std::optional<WallTime> decode_header(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  LittleEndianReader in(bytes.substr(kMagic.size()));
  const auto since = in.take<std::uint64_t>();
  if (in.take<std::uint32_t>() != crc32c(0, bytes.substr(0, 24))) return std::nullopt;
  return from_unix_ns(since);
}

void encode(const SentEntry& entry, std::string& out) {
  std::string body;
  append_le(body, static_cast<std::uint8_t>(entry.kind));
  body.append(entry.trace.view());
  append_le(body, entry.spans);
  for (const SpanId& id : entry.ids) body.append(id.view());
  append_le(out, static_cast<std::uint32_t>(body.size()));
  append_le(out, crc32c(0, body));
  out += body;
}

std::string encode(std::span<const SentEntry> entries) {
  std::string out;
  for (const SentEntry& entry : entries) encode(entry, out);
  return out;
}

// Takes an entry off the front; nothing at the end, and where none begins.
std::optional<SentEntry> take_entry(std::string_view& bytes) {
  LittleEndianReader frame(bytes);
  const auto length = frame.take<std::uint32_t>();
  const auto checksum = frame.take<std::uint32_t>();
  const std::string_view body = frame.take_bytes(length);
  if (!frame.ok() || crc32c(0, body) != checksum) return std::nullopt;
  LittleEndianReader in(body);
  SentEntry entry;
  entry.kind = static_cast<SentEntry::Kind>(in.take<std::uint8_t>());
  const auto trace = TraceId::from_bytes(in.take_bytes(16));
  entry.spans = in.take<std::uint32_t>();
  if (!in.ok() || !trace || in.rest().size() % kIdBytes != 0) return std::nullopt;
  entry.trace = *trace;
  while (!in.rest().empty()) entry.ids.push_back(*SpanId::from_bytes(in.take_bytes(kIdBytes)));
  bytes.remove_prefix(kFrameBytes + length);
  return entry;
}

}  // namespace

SentJournal::SentJournal(FileSystem& fs, std::filesystem::path path, const Clock& clock)
    : fs_(fs), path_(std::move(path)), clock_(clock), complete_since_(clock.wall()) {}

Result<std::vector<SentEntry>> SentJournal::open() {
  std::vector<SentEntry> entries;
  const auto there = fs_.exists(path_);
  if (there && !*there) return entries;
  const auto content = there ? read_file(fs_, path_) : Result<std::string>(there.error());
  if (!content) return content.error();
  const auto since = decode_header(*content);
  if (!since) return entries;
  std::string_view rest = std::string_view(*content).substr(kHeaderBytes);
  while (auto entry = take_entry(rest)) entries.push_back(*std::move(entry));
  // What stood behind damage is not known.
  if (rest.empty()) complete_since_ = *since;
  return entries;
}

Result<void> SentJournal::append_lazily(std::span<const SentEntry> entries) {
  if (!file_) return Error{ErrorCode::io, path_.string() + ": it has to be written anew"};
  const std::string bytes = encode(entries);
  const std::string_view pieces[] = {bytes};
  auto result = file_->append(pieces);
  bytes_ += bytes.size();
  if (!result) file_.reset();
  return result;
}

Result<void> SentJournal::append(std::span<const SentEntry> entries) {
  auto result = append_lazily(entries);
  if (result) result = file_->sync();
  if (!result) file_.reset();
  return result;
}

// What the file says is not true any more.
void SentJournal::give_up() {
  (void)fs_.remove(path_);
  (void)fs_.sync_directory(path_.parent_path());
}

Result<void> SentJournal::rewrite(std::span<const SentEntry> entries) {
  file_.reset();
  const std::string content = encode_header(complete_since_) + encode(entries);
  auto result = write_file_durably(fs_, path_, content);
  if (result) {
    auto file = fs_.open(path_);
    if (file) {
      file_ = *std::move(file);
    } else {
      result = std::move(file).error();
    }
  }
  bytes_ = content.size();
  if (!result) give_up();
  return result;
}

}  // namespace tracelink
