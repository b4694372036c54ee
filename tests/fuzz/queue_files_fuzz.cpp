#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/checkpoint.hpp"
#include "daemon/queue/delivery_journal.hpp"
#include "daemon/queue/little_endian.hpp"
#include "daemon/queue/segment_scan.hpp"
#include "tests/support/fake_file_system.hpp"

namespace {

using namespace tracelink;

constexpr std::uint64_t kSegment = 1;
constexpr std::uint64_t kMaxSpansOfByte = 1;

void require(bool condition) {
  if (!condition) std::abort();
}

// Gives whatever begins like a record the checksums of one, so that what is behind them is reached.
void seal_record(std::string& bytes, std::size_t at, const SegmentKey& key) {
  const auto head = key.record_header_bytes();
  const bool old = key.version == 1;
  const auto body = get_le<std::uint32_t>(bytes.data() + at + (old ? 8 : 12));
  if (body > bytes.size() - at - head) return;
  const auto record = std::string_view(bytes).substr(at, head + body);
  if (old) return put_le(bytes.data() + at + 4, crc32c(key.header_seed(), record.substr(8)));
  put_le(bytes.data() + at + 8, crc32c(key.body_seed(), record.substr(head)));
  char offset[8];
  put_le(offset, std::uint64_t{at});
  const auto seed = crc32c(key.header_seed(), {offset, sizeof offset});
  put_le(bytes.data() + at + 4, crc32c(seed, std::string_view(bytes).substr(at + 8, head - 8)));
}

void seal_records(std::string& bytes, const SegmentKey& key) {
  for (auto at = key.first_record(); at + key.record_header_bytes() <= bytes.size(); at += 8) {
    if (std::string_view(bytes).substr(at, 4) == "TLRC") seal_record(bytes, at, key);
  }
}

void check_gaps(const SegmentContent& content) {
  auto end = content.origin.key.first_record();
  for (const auto& gap : content.gaps) {
    require(gap.begin >= end && gap.end > gap.begin && gap.end <= content.end);
    require(gap.spans <= (gap.end - gap.begin) * kMaxSpansOfByte);
    require(gap.records <= gap.end - gap.begin);
    require(gap.changes <= gap.end - gap.begin);
    end = gap.end;
  }
}

void read_segment(std::string bytes) {
  FakeFileSystem fs;
  fs.set_content("/s", bytes);
  const auto origin = read_segment_origin(**fs.open_read_only("/s"), kSegment);
  if (!origin || origin->key.version == 0) return;
  seal_records(bytes, origin->key);
  fs.set_content("/s", bytes);
  SegmentReader reader(*fs.open_read_only("/s"), origin->key);
  const auto content = scan_segment(reader, *origin, bytes.size(), [](std::string_view) {});
  // The padding of the last record may be missing.
  require(content.end < std::max<std::uint64_t>(bytes.size(), origin->key.first_record()) + 8);
  require(content.counts.records <= bytes.size() / origin->key.record_header_bytes());
  check_gaps(content);
  const auto footer = read_footer(reader, *origin, bytes.size());
  if (!footer) return;
  require(footer->counts.spans == footer->spans_end && footer->end < bytes.size());
  require(footer->counts.changes == footer->changes_end);
}

void read_journal(const std::string& bytes) {
  FakeFileSystem fs;
  const QueuePaths paths("/state");
  fs.set_content(paths.journal(kSegment, 0), bytes);
  const auto entries = DeliveryJournal::load(fs, paths, {.segment_id = kSegment, .version = 0}, 1);
  require(entries.has_value());
  for (const auto& entry : *entries) require(entry.offset % 8 == 0);
}

void read_checkpoint(const std::string& bytes) {
  const auto checkpoint = decode_checkpoint(bytes);
  if (!checkpoint) return;
  const auto again = decode_checkpoint(encode_checkpoint(*checkpoint));
  require(again && *again == *checkpoint);
}

}  // namespace

// The first byte says which kind of file the others are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 's') read_segment(bytes);
  if (data[0] == 'j') read_journal(bytes);
  if (data[0] == 'c') read_checkpoint(bytes);
  return 0;
}
