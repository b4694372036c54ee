#include "daemon/queue/record_format.hpp"

#include <functional>

#include <gtest/gtest.h>

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/checkpoint.hpp"
#include "daemon/queue/little_endian.hpp"
#include "tests/support/fixed_random_source.hpp"
#include "tests/support/queue_harness.hpp"

namespace tracelink {
namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    if (i != 0 && i % 8 == 0) text += i % 16 == 0 ? "\n" : " ";
    text += kDigits[static_cast<unsigned char>(bytes[i]) >> 4];
    text += kDigits[static_cast<unsigned char>(bytes[i]) & 15];
  }
  return text;
}

std::string bytes_of_hex(std::string_view text) {
  std::string bytes;
  std::string digits;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    digits += c;
    if (digits.size() < 2) continue;
    bytes += static_cast<char>(std::stoi(digits, nullptr, 16));
    digits.clear();
  }
  return bytes;
}

Record worked_example() {
  Record record;
  record.accepted_at = WallTime(std::chrono::seconds(1'700'000'000));
  record.peer = {.pid = 42, .uid = 1000, .gid = 1001};
  for (std::size_t i = 0; i < 16; ++i) {
    record.slice.trace_id.bytes[i] = static_cast<std::uint8_t>(i + 1);
  }
  record.slice.span_count = 2;
  record.slice.root_seen = true;
  record.experiment = "12";
  record.slice.otlp = "spans";
  return record;
}

constexpr std::string_view kHeader =
    "544c5345474d4e54 0600000000000000\n"
    "0100000000000000 0100000000000000\n"
    "00002a36fe9c9717 0000000000000000\n"
    "ffeeddccbbaa9988 000000001deda6f2";

constexpr std::string_view kRecordsOfVersion5 =
    "544c5243a1985693 2ff15b3147000000\n"
    "0100000002000000 0100000000000000\n"
    "0000000000000000 4010000000000000\n"
    "00002a36fe9c9717 2a000000e8030000\n"
    "e903000002000000 0102030405060708\n"
    "090a0b0c0d0e0f10 0000000000000000\n"
    "0000000000000000 0200010000000000\n"
    "31327370616e7300 544c524388d3a985\n"
    "fb52c40330000000 0300000000000000\n"
    "0200000000000000 0200000000000000\n"
    "b810000000000000 0100000000000000\n"
    "0200000000000000 0000000000000000\n"
    "7800000000000000 00002a36fe9c9717\n"
    "4010000000000000";

constexpr std::string_view kInfoOfVersion5 =
    "544c5243572999da d2d8777b4b000000\n"
    "0400000000000000 0100000000000000\n"
    "0000000000000000 4010000000000000\n"
    "00002a36fe9c9717 2a000000e8030000\n"
    "e903000000000000 0102030405060708\n"
    "090a0b0c0d0e0f10 0000000000000000\n"
    "0000000000000000 0200010000000000\n"
    "31327b2261223a22 31227d0000000000\n"
    "544c52432059bcfe 77c907d130000000\n"
    "0300000000000000 0200000000000000\n"
    "0000000000000000 c010000000000000\n"
    "0100000000000000 0000000000000000\n"
    "0000000000000000 8000000000000000\n"
    "00002a36fe9c9717 4010000000000000";

constexpr std::string_view kChangeOfVersion5 =
    "544c524395b884f2 d2d8777b4b000000\n"
    "0500010000000000 0100000000000000\n"
    "0000000000000000 4010000000000000\n"
    "00002a36fe9c9717 2a000000e8030000\n"
    "e903000000000000 0102030405060708\n"
    "090a0b0c0d0e0f10 0000000000000000\n"
    "0000000000000000 0200010000000000\n"
    "31327b2261223a22 31227d0000000000\n"
    "544c524328b345a2 cb72cbe230000000\n"
    "0300000000000000 0200000000000000\n"
    "0000000001000000 c010000000000000\n"
    "0100000000000000 0000000001000000\n"
    "0000000000000000 8000000000000000\n"
    "00002a36fe9c9717 4010000000000000";

// Replayed, and accepted as 0x0102030405060708.
constexpr std::string_view kReplayedOfVersion6 =
    "544c52432b382642 8dd5f0e64f000000\n"
    "0101000002000000 0100000000000000\n"
    "0000000000000000 4010000000000000\n"
    "00002a36fe9c9717 2a000000e8030000\n"
    "e903000002000000 0102030405060708\n"
    "090a0b0c0d0e0f10 0000000000000000\n"
    "0000000000000000 0200050000000000\n"
    "3132080706050403 02017370616e7300\n"
    "544c5243d98c9b7c 4634261430000000\n"
    "0300000000000000 0200000000000000\n"
    "0200000000000000 c010000000000000\n"
    "0100000000000000 0200000000000000\n"
    "0200000000000000 8000000000000000\n"
    "00002a36fe9c9717 4010000000000000";

// Before changes were counted.
constexpr std::string_view kChangeOfVersion4 =
    "544c52439cf93fe7 d2d8777b4b000000\n"
    "0500000000000000 0100000000000000\n"
    "0000000000000000 4010000000000000\n"
    "00002a36fe9c9717 2a000000e8030000\n"
    "e903000000000000 0102030405060708\n"
    "090a0b0c0d0e0f10 0000000000000000\n"
    "0000000000000000 0200010000000000\n"
    "31327b2261223a22 31227d0000000000\n"
    "544c52432059bcfe 77c907d130000000\n"
    "0300000000000000 0200000000000000\n"
    "0000000000000000 c010000000000000\n"
    "0100000000000000 0000000000000000\n"
    "0000000000000000 8000000000000000\n"
    "00002a36fe9c9717 4010000000000000";

constexpr std::string_view kSegmentOfVersion1 =
    "544c5345474d4e54 0100000040000000\n"
    "0100000000000000 0100000000000000\n"
    "00002a36fe9c9717 0000000000000000\n"
    "0000000000000000 00000000ec21b30d\n"
    "544c5243294ee95f 4700000001000000\n"
    "0100000000000000 0000000000000000\n"
    "4000000000000000 00002a36fe9c9717\n"
    "2a000000e8030000 e903000002000000\n"
    "0102030405060708 090a0b0c0d0e0f10\n"
    "0000000000000000 0000000000000000\n"
    "0200010000000000 31327370616e7300\n"
    "544c52438a5a7372 2800000003000000\n"
    "0200000000000000 0200000000000000\n"
    "b000000000000000 0100000000000000\n"
    "0200000000000000 0000000000000000\n"
    "7000000000000000 00002a36fe9c9717";

// The worked example of docs/queue-format.md.
TEST(QueueFormat, PinsTheBytesOfASegment) {
  QueueHarness queue;
  FixedRandomSource secret(0x8899aabbccddeeff);
  auto opened = Queue::open(queue.options, queue.fs, queue.clock, secret);
  ASSERT_TRUE(opened);
  queue.queue = *std::move(opened);
  queue.queue->start();
  ASSERT_TRUE(queue.append(worked_example()));
  queue.close();
  const auto bytes = queue.fs.content(queue.segment_path(0));
  const auto header = bytes.substr(0, kHeaderCopyBytes);
  EXPECT_EQ(hex(header), kHeader);
  EXPECT_EQ(bytes.substr(kHeaderCopyBytes, kHeaderCopyOffset - kHeaderCopyBytes),
            std::string(kHeaderCopyOffset - kHeaderCopyBytes, '\0'));
  EXPECT_EQ(bytes.substr(kHeaderCopyOffset, kHeaderCopyBytes), header);
  EXPECT_EQ(hex(std::string_view(bytes).substr(kSegmentHeaderBytes)), kRecordsOfVersion5);
}

// The bytes of the records of a queue that got `record` and was closed.
std::string written(const Record& record, bool replayed = false) {
  QueueHarness queue;
  FixedRandomSource secret(0x8899aabbccddeeff);
  auto opened = Queue::open(queue.options, queue.fs, queue.clock, secret);
  EXPECT_TRUE(opened);
  queue.queue = *std::move(opened);
  queue.queue->start();
  EXPECT_TRUE(replayed ? queue.append_replayed(record) : queue.append(record));
  queue.close();
  return queue.fs.content(queue.segment_path(0)).substr(kSegmentHeaderBytes);
}

Record without_spans() {
  Record record = worked_example();
  record.slice.span_count = 0;
  record.slice.otlp.clear();
  return record;
}

// The same for the info of a trace, and for a change of one.
TEST(QueueFormat, PinsTheBytesOfATraceInfo) {
  Record record = without_spans();
  record.slice.info = R"({"a":"1"})";
  EXPECT_EQ(hex(written(record)), kInfoOfVersion5);
}

TEST(QueueFormat, PinsTheBytesOfATraceChange) {
  Record record = without_spans();
  record.slice.change = R"({"a":"1"})";
  EXPECT_EQ(hex(written(record)), kChangeOfVersion5);
}

TEST(QueueFormat, PinsTheBytesOfAReplayedRecord) {
  Record record = worked_example();
  record.accepted_sequence = 0x0102030405060708;
  EXPECT_EQ(hex(written(record, true)), kReplayedOfVersion6);
}

TEST(QueueFormat, AMovedRecordKeepsTheSequenceOfItsAcceptance) {
  Record record = worked_example();
  record.accepted_sequence = 0x0102030405060708;
  std::string body;
  append_envelope(body, record);
  body += "spans";
  const RecordOrigin origin{.segment_id = 3, .offset = 4160, .sequence = 9};
  const std::string moved = moved_body(body, origin);
  EXPECT_EQ(decode_origin(moved), origin);
  const auto decoded = decode_record(RecordType::spans, moved);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, record);
  EXPECT_EQ(envelope_spans(moved), 2u);
  const std::size_t without_payload = moved.size() - record.slice.otlp.size();
  EXPECT_TRUE(envelope_spans(moved.substr(0, without_payload)));
  EXPECT_FALSE(envelope_spans(moved.substr(0, without_payload - 1)));
}

// The segment of such a version that has these records, as the only one of a queue.
void set_segment(QueueHarness& queue, std::uint32_t version, std::string_view records) {
  const SegmentHeader header{.version = version,
                             .segment_id = 1,
                             .first_sequence = 1,
                             .created_at = WallTime(std::chrono::seconds(1'700'000'000)),
                             .secret = 0x8899aabbccddeeff};
  queue.fs.set_content("/state/queue/0000000000000001.segment",
                       encode_segment_header(header) + bytes_of_hex(records));
}

// Queues of versions 2 to 5, whose records of spans are those of version 6 but for replayed ones,
// are read and never appended to.
TEST(QueueFormat, ReadsSegmentsOfVersions2To5) {
  for (const std::uint32_t version : {2u, 3u, 4u, 5u}) {
    QueueHarness queue;
    set_segment(queue, version, kRecordsOfVersion5);
    queue.open();
    const auto all = queue.drain();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].record, worked_example());
    ASSERT_TRUE(queue.append(QueueHarness::record(2)));
    EXPECT_EQ(queue.files(".segment").size(), 2u);
  }
}

TEST(QueueFormat, AChangeOfVersion4IsInNoTermOfTheBalance) {
  QueueHarness queue;
  set_segment(queue, 4, kChangeOfVersion4);
  for (int life = 0; life < 2; ++life) {
    queue.open();
    ASSERT_TRUE(queue.append(QueueHarness::change(2)));
    auto all = queue.drain();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].record.slice.change, R"({"a":"1"})");
    EXPECT_EQ(all[0].changes, 0u);
    EXPECT_EQ(all[1].changes, 1u);
    if (life == 1) queue.deliver(all[0]);
    queue.deliver(all[1]);
    queue.close();
  }
  queue.open();
  EXPECT_EQ(queue.queue->stats().changes, (Totals{.accepted = 2, .delivered = 2}));
  EXPECT_EQ(queue.queue->stats().queued_records, 0u);
}

// What version 1 wrote for the same record.
TEST(QueueFormat, ReadsASegmentOfVersion1) {
  QueueHarness queue;
  queue.fs.set_content("/state/queue/0000000000000001.segment", bytes_of_hex(kSegmentOfVersion1));
  queue.open();
  const auto all = queue.drain();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].record, worked_example());
  EXPECT_EQ(all[0].sequence, 1u);
  queue.deliver(all[0]);
  queue.reopen();
  EXPECT_EQ(queue.queue->stats().delivered, 2u);
  EXPECT_TRUE(queue.files(".segment").empty());
}

TEST(QueueFormat, RoundTripsTheSegmentHeader) {
  const SegmentHeader header{.segment_id = 0x0102030405060708,
                             .first_sequence = 9,
                             .created_at = WallTime(std::chrono::nanoseconds(77)),
                             .first_span = 5,
                             .first_change = 0x87654321,
                             .secret = 0xfedcba9876543210};
  const auto bytes = encode_segment_header(header);
  ASSERT_EQ(bytes.size(), kSegmentHeaderBytes);
  for (const std::size_t offset : {std::size_t{0}, kHeaderCopyOffset}) {
    const auto decoded = decode_segment_header(std::string_view(bytes).substr(offset));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, header);
  }
}

// A whole record at `offset`: its header and body are what they were written as.
bool is_record(std::string_view bytes, const SegmentKey& key, std::uint64_t offset) {
  const auto header = decode_record_header(bytes, key, offset);
  return header && header->body_bytes == bytes.size() - kRecordHeaderBytes &&
         body_matches(bytes, *header, key);
}

TEST(QueueFormat, FindsEveryFlippedBitOfARecord) {
  const SegmentKey key{.segment_id = 7, .secret = 0x0123456789abcdef};
  std::string bytes;
  append_record_head(bytes, {.sequence = 3}, "body", "-tail", key, 4160);
  bytes += "-tail";
  ASSERT_TRUE(is_record(bytes, key, 4160));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_FALSE(is_record(damaged, key, 4160)) << i << " " << bit;
    }
  }
}

TEST(QueueFormat, ARecordIsOneOnlyWithItsSegmentSecretAndOffset) {
  const SegmentKey key{.segment_id = 7, .secret = 0x0123456789abcdef};
  std::string bytes;
  append_record_head(bytes, {.sequence = 3}, "body", {}, key, 4160);
  EXPECT_FALSE(is_record(bytes, key, 4168));
  EXPECT_FALSE(is_record(bytes, {.segment_id = 8, .secret = key.secret}, 4160));
  for (int bit = 0; bit < 64; ++bit) {
    const SegmentKey other{.segment_id = 7, .secret = key.secret ^ (std::uint64_t{1} << bit)};
    EXPECT_FALSE(is_record(bytes, other, 4160)) << bit;
    EXPECT_FALSE(other.header_seed() == key.header_seed() && other.body_seed() == key.body_seed());
  }
}

TEST(QueueFormat, RefusesTornEnvelopesAndFooters) {
  std::string envelope;
  append_envelope(envelope, QueueHarness::record(1));
  EXPECT_EQ(envelope.size(), kEnvelopeBytes);
  EXPECT_TRUE(decode_record(RecordType::spans, envelope));
  EXPECT_EQ(decode_record(RecordType::spans, envelope.substr(1)).error().code, ErrorCode::corrupt);
  const auto footer = encode_footer({.counts = {.records = 1}, .last_record = 4160});
  EXPECT_EQ(kRecordHeaderBytes + footer.size(), kFooterBytes);
  EXPECT_TRUE(decode_footer(footer));
  EXPECT_EQ(decode_footer(footer.substr(1)).error().code, ErrorCode::corrupt);
}

TEST(QueueFormat, RoundTripsTheCheckpoint) {
  const Checkpoint checkpoint{
      .retired = {.spans = {1, 2, 3, 4, 5, 6, 7, 8, 15}, .changes = {9, 8, 7, 6, 5, 4, 3, 2, 1}},
      .unaccounted = 16,
      .unaccounted_changes = 17,
      .next_segment_id = 14,
      .next_sequence = 10,
      .retired_ids = {11, 12},
      .sealed_at = {{13, 4160}},
      .moved = {{12, {.place = 7, .records = 3, .spans = 5, .changes = 6, .secret = 9}}}};
  const auto decoded = decode_checkpoint(encode_checkpoint(checkpoint));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, checkpoint);
  EXPECT_EQ(decode_checkpoint("").error().code, ErrorCode::corrupt);
}

TEST(QueueFormat, RefusesACheckpointThatNamesWhatWasNeverThere) {
  const Checkpoint right{
      .retired = {}, .next_segment_id = 14, .retired_ids = {13}, .sealed_at = {{12, 4160}}};
  const auto refused = [&](const std::function<void(Checkpoint&)>& change) {
    auto checkpoint = right;
    change(checkpoint);
    return !decode_checkpoint(encode_checkpoint(checkpoint));
  };
  EXPECT_FALSE(refused([](Checkpoint&) {}));
  EXPECT_TRUE(refused([](Checkpoint& c) { c.retired_ids = {14}; }));
  EXPECT_TRUE(refused([](Checkpoint& c) { c.retired_ids = {0}; }));
  EXPECT_TRUE(refused([](Checkpoint& c) { c.sealed_at = {{14, 4160}}; }));
  EXPECT_TRUE(refused([](Checkpoint& c) { c.sealed_at = {{12, 4161}}; }));
  EXPECT_TRUE(refused([](Checkpoint& c) { c.moved = {{14, {.place = 3}}}; }));
  EXPECT_TRUE(refused([](Checkpoint& c) { c.moved = {{12, {.place = 14}}}; }));
}

// Written before changes were counted: it knows nothing of them.
TEST(QueueFormat, ReadsACheckpointOfVersion4) {
  Checkpoint checkpoint;
  checkpoint.retired.spans = {1, 2, 3, 4, 5, 6, 7, 8, 15};
  checkpoint.next_segment_id = 13;
  checkpoint.moved = {{12, {.place = 7, .records = 3, .spans = 5, .secret = 9}}};
  checkpoint.unaccounted = 16;
  constexpr std::size_t kOfChanges = 10 * sizeof(std::uint64_t);
  std::string copy = encode_checkpoint(checkpoint);
  copy.resize(copy.size() / 2 - sizeof(std::uint32_t) - kOfChanges);
  copy[8] = 4;
  put_le(copy.data() + 12, static_cast<std::uint32_t>(copy.size() - 16));
  append_le(copy, crc32c(0, copy));
  const auto decoded = decode_checkpoint(copy + copy);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, checkpoint);
}

// Written before replays were counted: they were not there yet.
TEST(QueueFormat, ReadsACheckpointOfVersion1) {
  Checkpoint checkpoint;
  checkpoint.retired.spans = {1, 2, 3, 4, 5, 6, 7, 8, 15};
  checkpoint.next_segment_id = 9;
  constexpr std::size_t kPayloadBytes = 10 * sizeof(std::uint64_t) + 2 * sizeof(std::uint32_t);
  std::string copy = encode_checkpoint(checkpoint);
  copy.resize(16 + kPayloadBytes);  // behind magic, version and length; no ids
  copy[8] = 1;
  copy[12] = static_cast<char>(kPayloadBytes);
  append_le(copy, crc32c(0, copy));
  const auto decoded = decode_checkpoint(copy + copy);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->retired, (Balance{.spans = {1, 2, 3, 4, 5, 6, 7, 8, 0}, .changes = {}}));
  EXPECT_EQ(decoded->next_segment_id, 9u);
}

TEST(QueueFormat, SaysThatACheckpointIsOfALaterVersion) {
  const auto both = encode_checkpoint({});
  auto copy = both.substr(0, both.size() / 2 - sizeof(std::uint32_t));
  copy[8] = 99;  // behind the magic
  append_le(copy, crc32c(0, copy));
  const auto later = decode_checkpoint(copy + copy);
  EXPECT_EQ(later.error().code, ErrorCode::invalid);
  EXPECT_EQ(later.error().message, "checkpoint version 99");
  copy.back() = static_cast<char>(copy.back() ^ 1);
  EXPECT_EQ(decode_checkpoint(copy + copy).error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace tracelink
