#include "daemon/queue/delivery_journal.hpp"

#include <algorithm>
#include <optional>

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/little_endian.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kMagic = "TLJOURNL";
constexpr int kReadAttempts = 3;

// A journal's version is its segment's.
std::string encode_header(const SegmentKey& key) {
  std::string out(kMagic);
  append_le(out, key.version);
  append_le(out, key.segment_id);
  if (key.version > 1) append_le(out, key.secret);
  append_le(out, crc32c(0, out));
  return out;
}

std::size_t header_bytes(std::uint32_t version) {
  return version == 1 ? kJournalHeaderBytes - sizeof(std::uint64_t) : kJournalHeaderBytes;
}

// A journal whose segment is unknown says itself how it is to be read.
SegmentKey key_to_write(SegmentKey key) {
  if (key.version == 0) key.version = kSegmentVersion;
  return key;
}

// What the file says itself, if it is a journal of this segment.
std::optional<SegmentKey> decode_header(std::string_view content, std::uint64_t segment_id) {
  LittleEndianReader in(content);
  if (in.take_bytes(kMagic.size()) != kMagic) return std::nullopt;
  SegmentKey key{.segment_id = segment_id, .version = in.take<std::uint32_t>()};
  in.take<std::uint64_t>();
  if (key.version == 0 || key.version > kSegmentVersion) return std::nullopt;
  if (key.version > 1) key.secret = in.take<std::uint64_t>();
  if (!in.ok() || !content.starts_with(encode_header(key))) return std::nullopt;
  return key;
}

void append_entry(std::string& out, const JournalEntry& entry, std::uint32_t seed) {
  const auto start = out.size();
  append_le(out, entry.offset);
  append_le(out, entry.delivered);
  append_le(out, entry.dead_lettered);
  append_le(out, entry.duplicate);
  append_le(out, entry.dropped_policy);
  append_le(out, entry.dropped_age);
  append_le(out, entry.damaged);
  append_le(out, entry.records);
  append_le(out, entry.bytes);
  append_le(out, entry.changes);
  append_le(out, crc32c(seed, std::string_view(out).substr(start)));
}

std::optional<JournalEntry> decode_entry(std::string_view bytes, const SegmentKey& key) {
  const auto covered = bytes.substr(0, kJournalEntryBytes - sizeof(std::uint32_t));
  if (get_le<std::uint32_t>(bytes.data() + covered.size()) != crc32c(key.header_seed(), covered)) {
    return std::nullopt;
  }
  LittleEndianReader in(covered);
  JournalEntry entry;
  entry.offset = in.take<std::uint64_t>();
  entry.delivered = in.take<std::uint32_t>();
  entry.dead_lettered = in.take<std::uint32_t>();
  entry.duplicate = in.take<std::uint32_t>();
  entry.dropped_policy = in.take<std::uint32_t>();
  entry.dropped_age = in.take<std::uint32_t>();
  entry.damaged = in.take<std::uint32_t>();
  entry.records = in.take<std::uint32_t>();
  entry.bytes = in.take<std::uint32_t>();
  entry.changes = in.take<std::uint32_t>();
  // No record begins anywhere else.
  if (entry.offset < key.first_record() || entry.offset % kRecordAlignment != 0) {
    return std::nullopt;
  }
  return entry;
}

void take_entries(std::string_view content, const SegmentKey& segment,
                  std::vector<JournalEntry>& entries) {
  const auto key = segment.version != 0 ? segment : decode_header(content, segment.segment_id);
  if (!key) return;
  for (auto at = header_bytes(key->version); at + kJournalEntryBytes <= content.size();
       at += kJournalEntryBytes) {
    const auto entry = decode_entry(content.substr(at, kJournalEntryBytes), *key);
    if (entry) entries.push_back(*entry);
  }
}

Result<std::string> read_if_there(const FileSystem& fs, const std::filesystem::path& path) {
  Result<std::string> content{std::string()};
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    const auto there = fs.exists(path);
    if (there && !*there) return std::string();
    content = there ? read_file(fs, path) : Result<std::string>(there.error());
    if (content) break;
  }
  return content;
}

}  // namespace

std::uint64_t JournalEntry::spans_and_changes() const {
  return std::uint64_t{delivered} + dead_lettered + duplicate + dropped_policy + dropped_age +
         damaged;
}

void JournalEntry::add_to(Balance& balance) const {
  const auto add = [&](std::uint32_t count, std::uint64_t Totals::* term) {
    if (count == 0) return;
    balance.spans.*term += count - changes;
    balance.changes.*term += changes;
  };
  add(delivered, &Totals::delivered);
  add(dead_lettered, &Totals::dead_lettered);
  add(duplicate, &Totals::duplicate);
  add(dropped_policy, &Totals::dropped_policy);
  add(dropped_age, &Totals::dropped_age);
  add(damaged, &Totals::damaged);
}

void keep_one_each(std::vector<JournalEntry>& entries) {
  const auto key = [](const JournalEntry& e) { return std::pair(e.offset, e.damaged > 0); };
  std::ranges::stable_sort(entries, {}, key);
  const auto repeated = std::ranges::unique(entries, {}, key);
  entries.erase(repeated.begin(), repeated.end());
}

DeliveryJournal::DeliveryJournal(FileSystem& fs, const QueuePaths& paths, const SegmentKey& key,
                                 std::uint64_t first_generation)
    : fs_(fs), paths_(paths), key_(key_to_write(key)), generation_(first_generation) {}

Result<std::unique_ptr<File>> DeliveryJournal::create() {
  auto file = fs_.create(paths_.journal(key_.segment_id, generation_));
  if (!file) return file;
  const auto header = encode_header(key_);
  const std::string_view pieces[] = {header};
  if (auto written = (*file)->append(pieces); !written) return std::move(written).error();
  if (auto synced = fs_.sync_directory(paths_.queue); !synced) return std::move(synced).error();
  return file;
}

Result<void> DeliveryJournal::write(std::span<const JournalEntry> entries) {
  std::string bytes;
  bytes.reserve(entries.size() * kJournalEntryBytes);
  const auto seed = key_.header_seed();
  for (const auto& entry : entries) append_entry(bytes, entry, seed);
  const std::string_view pieces[] = {bytes};

  const auto path = paths_.journal(key_.segment_id, generation_);
  const bool is_new = !begun_;
  const auto file = begun_ ? fs_.open(path) : create();
  Result<void> result = file ? Result<void>() : Result<void>(file.error());
  if (result) result = (*file)->append(pieces);
  if (result) result = (*file)->sync();
  begun_ = result.has_value();
  // A disk that fails for hours leaves no file for each attempt: nothing counts on a new one.
  const bool is_gone = !result && is_new && fs_.remove(path);
  if (!result && !is_gone) ++generation_;
  return result;
}

Result<std::vector<JournalEntry>> DeliveryJournal::load(const FileSystem& fs,
                                                        const QueuePaths& paths,
                                                        const SegmentKey& key,
                                                        std::uint64_t generations) {
  std::vector<JournalEntry> entries;
  for (std::uint64_t generation = 0; generation < generations; ++generation) {
    const auto content = read_if_there(fs, paths.journal(key.segment_id, generation));
    if (!content) return content.error();
    take_entries(*content, key, entries);
  }
  keep_one_each(entries);
  return entries;
}

Result<void> DeliveryJournal::remove() {
  begun_ = false;
  for (std::uint64_t generation = 0; generation <= generation_; ++generation) {
    if (auto removed = fs_.remove(paths_.journal(key_.segment_id, generation)); !removed) {
      return removed;
    }
  }
  return {};
}

}  // namespace tracelink
