#include "daemon/queue/record_format.hpp"

#include <gtest/gtest.h>

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/checkpoint.hpp"
#include "daemon/queue/little_endian.hpp"
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

// The worked example of docs/queue-format.md.
TEST(QueueFormat, PinsTheBytesOfASegment) {
  QueueHarness queue;
  queue.open();
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
  ASSERT_TRUE(queue.append(record));
  queue.close();
  EXPECT_EQ(hex(queue.fs.content(queue.segment_path(0))),
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
            "7000000000000000 00002a36fe9c9717");
}

TEST(QueueFormat, RoundTripsTheSegmentHeader) {
  const SegmentHeader header{.segment_id = 0x0102030405060708,
                             .first_sequence = 9,
                             .created_at = WallTime(std::chrono::nanoseconds(77))};
  const auto decoded = decode_segment_header(encode_segment_header(header));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, header);
}

TEST(QueueFormat, FindsEveryFlippedBitOfARecord) {
  const auto seed = checksum_seed(7);
  std::string bytes;
  append_record_head(bytes, {.body_bytes = 9, .sequence = 3}, "body", "-tail", seed);
  bytes += "-tail";
  ASSERT_TRUE(checksum_matches(bytes, seed));
  EXPECT_FALSE(checksum_matches(bytes, checksum_seed(8)));
  for (std::size_t i = 4; i < bytes.size(); ++i) {  // the magic is not covered but compared
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_FALSE(checksum_matches(damaged, seed));
    }
  }
}

TEST(QueueFormat, RefusesTornEnvelopesAndFooters) {
  std::string envelope;
  append_envelope(envelope, QueueHarness::record(1));
  EXPECT_EQ(envelope.size(), kEnvelopeBytes);
  EXPECT_TRUE(decode_record(envelope));
  EXPECT_EQ(decode_record(envelope.substr(1)).error().code, ErrorCode::corrupt);
  const auto footer = encode_footer({.records = 1});
  EXPECT_EQ(kRecordHeaderBytes + footer.size(), kFooterBytes);
  EXPECT_TRUE(decode_footer(footer));
  EXPECT_EQ(decode_footer(footer.substr(1)).error().code, ErrorCode::corrupt);
}

TEST(QueueFormat, RoundTripsTheCheckpoint) {
  const Checkpoint checkpoint{.retired = {1, 2, 3, 4, 5, 6, 7, 8, 15},
                              .next_segment_id = 9,
                              .next_sequence = 10,
                              .retired_ids = {11, 12},
                              .sealed_at = {{13, 14}}};
  const auto decoded = decode_checkpoint(encode_checkpoint(checkpoint));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, checkpoint);
  EXPECT_EQ(decode_checkpoint("").error().code, ErrorCode::corrupt);
}

// Written before replays were counted: they were not there yet.
TEST(QueueFormat, ReadsACheckpointOfVersion1) {
  Checkpoint checkpoint;
  checkpoint.retired = {1, 2, 3, 4, 5, 6, 7, 8, 15};
  checkpoint.next_segment_id = 9;
  std::string copy = encode_checkpoint(checkpoint);
  copy.resize(copy.size() / 2 - sizeof(std::uint64_t) - sizeof(std::uint32_t));
  copy[8] = 1;
  copy[12] = static_cast<char>(copy[12] - static_cast<char>(sizeof(std::uint64_t)));
  append_le(copy, crc32c(0, copy));
  const auto decoded = decode_checkpoint(copy + copy);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->retired, (Totals{1, 2, 3, 4, 5, 6, 7, 8, 0}));
  EXPECT_EQ(decoded->next_segment_id, 9u);
}

}  // namespace
}  // namespace tracelink
