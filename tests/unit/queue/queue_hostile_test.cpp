// Bytes that a client chose, stored as a span's text, and a disk that loses what is around them.
#include <gtest/gtest.h>

#include "daemon/queue/little_endian.hpp"
#include "daemon/queue/segment_reader.hpp"
#include "tests/support/queue_harness.hpp"
#include "tests/support/segment_version1.hpp"

namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

struct QueueHostileTest : testing::Test, QueueHarness {
  static Record with(std::uint32_t n, std::string otlp) {
    auto chosen = record(n);
    chosen.slice.otlp = std::move(otlp);
    return chosen;
  }
  std::uint64_t file_end() { return fs.content(segment_path(0)).size(); }
  void cut(std::uint64_t bytes) {
    auto content = fs.content(segment_path(0));
    content.resize(content.size() - bytes);
    fs.set_content(segment_path(0), content);
  }
  void overwrite(std::uint64_t at, std::size_t bytes) {
    auto content = fs.content(segment_path(0));
    content.replace(at, bytes, bytes, '?');
    fs.set_content(segment_path(0), content);
  }
  // How many spans came, whoever's record they were in.
  std::uint64_t drained_spans() {
    std::uint64_t spans = 0;
    for (const auto& stored : drain()) spans += stored.record.slice.span_count;
    return spans;
  }
};

// Everything that the client knows is right; only the secret it has to leave at a guess.
std::string footer_for(std::uint64_t offset, std::uint64_t secret) {
  const SegmentKey key{.segment_id = 1, .secret = secret};
  std::string out;
  append_record_head(out, {.type = RecordType::footer, .sequence = 1, .durable_end = offset},
                     encode_footer({}), {}, key, offset);
  return out;
}

// The header of a record that fits, with a body of `bytes` from here on, and wrong checksums.
std::string claim_of_record(std::uint32_t version, std::uint64_t bytes) {
  const SegmentKey key{.segment_id = 1, .version = version};
  const auto head = key.record_header_bytes();
  std::string out = "TLRC";
  append_le(out, std::uint32_t{1});
  if (version > 1) append_le(out, std::uint32_t{1});
  append_le(out, static_cast<std::uint32_t>(bytes < head ? 0 : bytes - head));
  append_le(out, std::uint32_t{1});  // type spans
  if (version > 1) append_le(out, std::uint32_t{1});
  append_le(out, std::uint64_t{1});  // sequence
  append_le(out, std::uint64_t{0});
  append_le(out, key.first_record());
  return out;
}

TEST_F(QueueHostileTest, AFooterInTheLastRecordIsNone) {
  for (const bool version1 : {false, true}) {
    options.state_dir += "x";
    open();
    must_append(0, 20);
    const auto size = version1 ? kFooterBytesOfVersion1 : kFooterBytes;
    const auto at = file_end() + kRecordHeaderBytes + kEnvelopeBytes + 8;
    const auto forged = version1 ? footer_of_version1(1, at) : footer_for(at, 0);
    ASSERT_EQ(forged.size(), size);
    ASSERT_TRUE(append(with(20, "12345678" + forged)));
    ASSERT_EQ(file_end(), at + size);
    crash(Crash::keep_all);
    open();
    EXPECT_EQ(drained_spans(), queue->stats().accepted);
    EXPECT_EQ(queue->stats().queued_records, 21u);
    EXPECT_EQ(queue->stats().damaged, 0u);
    expect_conservation();
    close();
  }
}

TEST_F(QueueHostileTest, ATornRecordWithASegmentInItHoldsNothing) {
  open();
  must_append(0, 5);
  const auto whole = fs.content(segment_path(0));
  ASSERT_TRUE(append(with(5, whole + "and more")));
  crash(Crash::keep_all);
  cut(4);
  open();
  EXPECT_EQ(drain_numbers(), numbers(0, 5));
  EXPECT_EQ(queue->stats().damaged, 0u);
  expect_conservation();
}

// The header is lost too: the search goes through what the client wrote.
TEST_F(QueueHostileTest, ADamagedRecordWithASegmentInItCostsItself) {
  open();
  must_append(0, 5);
  const auto whole = fs.content(segment_path(0));
  const auto at = file_end();
  ASSERT_TRUE(append(with(5, whole + whole)));
  must_append(6, 8);
  crash(Crash::keep_all);
  overwrite(at, kRecordHeaderBytes);
  open();
  EXPECT_EQ(drain_numbers(), (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 6, 7}));
  EXPECT_EQ(queue->stats().damaged, record(5).slice.span_count);
  EXPECT_EQ(queue->stats().quarantine_files, 1u);
  expect_conservation();
}

// Header after header claims a record that reaches to the end.
TEST_F(QueueHostileTest, ASearchThroughClaimedLengthsIsBounded) {
  constexpr std::size_t kBytes = 4u << 20;
  for (const std::uint32_t version : {1u, 2u}) {
    const SegmentKey key{.segment_id = 1, .version = version, .secret = 7};
    std::string claims;
    while (claims.size() < kBytes) claims += claim_of_record(version, kBytes - claims.size());
    FakeFileSystem disk;
    disk.set_content("/s", std::string(key.first_record(), '\0') + claims);
    SegmentReader reader(*disk.open_read_only("/s"), key);
    const auto end = key.first_record() + claims.size();
    const RecordOrder order{.sequence = 1, .spans_before = 0, .durable_end = key.first_record()};
    EXPECT_EQ(reader.find_record(key.first_record(), end, order), end);
    // Each claim believed would make it 200 GB.
    EXPECT_LE(disk.read_bytes(), version == 1 ? (256u << 20) + 2 * kBytes : 2 * kBytes);
  }
}

TEST_F(QueueHostileTest, NothingOfTheSecretLeavesTheQueue) {
  open();
  must_append(0, 3);
  const auto secret = fs.content(segment_path(0)).substr(48, 8);
  crash(Crash::keep_all);
  overwrite(kSegmentHeaderBytes, 16);
  open();
  for (const auto& stored : drain()) {
    EXPECT_EQ(stored.record.slice.otlp.find(secret), std::string::npos);
  }
  const auto names = fs.list(options.state_dir / "quarantine");
  ASSERT_EQ(names->size(), 1u);
  for (const auto& name : *names) {
    EXPECT_EQ(fs.content(options.state_dir / "quarantine" / name).find(secret), std::string::npos);
  }
}

// A queue of version 1 in which a client left such bytes.
TEST_F(QueueHostileTest, AFooterInARecordOfVersion1IsNone) {
  SegmentOfVersion1 segment(1);
  for (std::uint32_t n = 0; n < 5; ++n) segment.add(record(n));
  auto last = record(5);
  const auto at = segment.bytes().size() + 40 + kEnvelopeBytes;
  last.slice.otlp = footer_of_version1(1, at);
  segment.add(last);
  fs.set_content("/state/queue/0000000000000001.segment", segment.bytes());
  open();
  EXPECT_EQ(drain().size(), 6u);
  EXPECT_EQ(queue->stats().damaged, 0u);
  expect_conservation();
}

TEST_F(QueueHostileTest, ATornRecordOfVersion1HoldsNoFooter) {
  SegmentOfVersion1 segment(1);
  for (std::uint32_t n = 0; n < 5; ++n) segment.add(record(n));
  auto last = record(5);
  const auto at = segment.bytes().size() + 40 + kEnvelopeBytes;
  last.slice.otlp = footer_of_version1(1, at, 6, 11) + "and what is torn off";
  segment.add(last);
  auto bytes = segment.bytes();
  bytes.resize(bytes.size() - 20);
  fs.set_content("/state/queue/0000000000000001.segment", bytes);
  open();
  EXPECT_EQ(drain_numbers(), numbers(0, 5));
  EXPECT_EQ(queue->stats().damaged, 0u);
  EXPECT_EQ(queue->stats().queued_records, 5u);
  expect_conservation();
}

}  // namespace
}  // namespace tracelink
