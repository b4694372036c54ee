#include "daemon/queue/segment_scan.hpp"

#include <functional>

#include <gtest/gtest.h>

#include "daemon/queue/segment_writer.hpp"
#include "tests/support/queue_harness.hpp"

namespace tracelink {
namespace {

struct SegmentScanTest : testing::Test {
  void write(bool close) {
    auto created =
        SegmentWriter::create(fs, "/s", {.segment_id = 5, .first_sequence = 100, .secret = kSecret},
                              {.bytes = 1 << 20, .records = 1000});
    ASSERT_TRUE(created);
    auto& writer = **created;
    std::uint64_t sequence = 100;
    for (std::uint32_t group = 0; group < 3; ++group) {
      writer.stage_link({}, "link");
      const auto first = QueueHarness::record(2 * group);
      const auto second = QueueHarness::record(2 * group + 1);
      writer.stage(first, sequence++, 0);
      writer.stage(second, sequence++, 0);
      ASSERT_TRUE(writer.commit());
    }
    if (close) {
      ASSERT_TRUE(writer.close());
    }
  }
  std::uint64_t file_bytes() const { return fs.content("/s").size(); }
  SegmentOrigin origin(std::uint64_t id = 5) const {
    const auto read = read_segment_origin(**fs.open_read_only("/s"), id);
    EXPECT_TRUE(read);
    return *read;
  }
  std::optional<SegmentContent> footer() const {
    const auto whose = origin();
    SegmentReader in(*fs.open_read_only("/s"), whose.key);
    return read_footer(in, whose, file_bytes());
  }
  SegmentContent scan(std::uint64_t id = 5) {
    const auto whose = origin(id);
    SegmentReader in(*fs.open_read_only("/s"), whose.key);
    return scan_segment(in, whose, file_bytes(), [&](std::string_view) { ++links; });
  }
  void replace(std::uint64_t offset, std::string_view bytes) {
    auto all = fs.content("/s");
    if (all.size() < offset + bytes.size()) all.resize(offset + bytes.size());
    all.replace(offset, bytes.size(), bytes);
    fs.set_content("/s", all);
  }
  // The record with this number, counted from 0; the link is before all of them.
  static std::uint64_t offset_of(std::uint64_t n) {
    return kSegmentHeaderBytes + stored_bytes(std::uint64_t{4}) +
           n * stored_bytes(QueueHarness::record(0));
  }
  // A record with right checksums at `offset`, as nobody but the writer can make it.
  static std::string forge(RecordHeader header, std::string_view body, std::uint64_t offset,
                           const SegmentKey& key = kKey) {
    std::string out;
    append_record_head(out, header, body, {}, key, offset);
    out.append(record_padding(body.size()), '\0');
    return out;
  }

  static constexpr std::uint64_t kSecret = 0x1122334455667788;
  static constexpr SegmentKey kKey{.segment_id = 5, .secret = kSecret};
  FakeFileSystem fs;
  int links = 0;
};

TEST_F(SegmentScanTest, CountsWhatTheFooterSays) {
  write(true);
  const auto scanned = scan();
  const auto closed = footer();
  ASSERT_TRUE(closed);
  EXPECT_EQ(scanned.counts, closed->counts);
  EXPECT_EQ(scanned.spans_end, closed->spans_end);
  EXPECT_EQ(scanned.next_sequence, closed->next_sequence);
  EXPECT_EQ(scanned.counts.records, 6u);
  EXPECT_EQ(scanned.next_sequence, 106u);
  EXPECT_TRUE(scanned.closed);
  EXPECT_EQ(links, 1);
}

TEST_F(SegmentScanTest, FindsNoFooterInAnOpenSegment) {
  write(false);
  EXPECT_FALSE(footer());
  EXPECT_FALSE(scan().closed);
}

TEST_F(SegmentScanTest, KnowsExactlyWhatAGapHeld) {
  write(true);
  const auto size = offset_of(3) - offset_of(1);
  replace(offset_of(1), std::string(size, '?'));
  const auto content = scan();
  ASSERT_EQ(content.gaps.size(), 1u);
  EXPECT_EQ(content.gaps[0].begin, offset_of(1));
  EXPECT_EQ(content.gaps[0].end, offset_of(3));
  EXPECT_EQ(content.gaps[0].records, 2u);
  EXPECT_EQ(content.gaps[0].spans, 2u + 3u);
  EXPECT_FALSE(content.gaps[0].torn);
}

TEST_F(SegmentScanTest, FindsNothingUnderAnotherId) {
  write(true);
  const auto content = scan(6);
  EXPECT_FALSE(content.origin.header);
  EXPECT_EQ(content.origin.key.version, 0u);
  EXPECT_EQ(content.counts.records, 0u);
}

// What an earlier use of the same disk blocks left, with the same id and other checksums.
TEST_F(SegmentScanTest, RecordsOfAnotherSecretAreNone) {
  write(false);
  const auto at = file_bytes();
  const SegmentKey other{.segment_id = 5, .secret = kSecret + 1};
  replace(at,
          forge({.type = RecordType::link, .sequence = 106, .spans_before = 12, .durable_end = at},
                "old", at, other));
  const auto content = scan();
  EXPECT_EQ(content.counts.records, 6u);
  EXPECT_EQ(content.end, at);
}

TEST_F(SegmentScanTest, ARecordAtAnotherPlaceIsNone) {
  write(false);
  const auto at = file_bytes();
  replace(at,
          forge({.type = RecordType::link, .sequence = 106, .spans_before = 12, .durable_end = at},
                "moved", at + 8));
  EXPECT_EQ(scan().end, at);
}

// Whatever the checksums say: it is no record if it does not follow.
TEST_F(SegmentScanTest, ARecordThatDoesNotFollowIsNone) {
  write(false);
  const auto at = file_bytes();
  const auto whole = fs.content("/s");
  const auto last_mark = offset_of(4);  // where the last group began
  struct Case {
    std::uint64_t sequence, spans_before, durable_end;
    bool follows;
  };
  const Case cases[] = {{106, 12, last_mark, true}, {106, 12, at, true},
                        {107, 12, at, false},       {105, 12, at, false},
                        {106, 13, at, false},       {106, 11, at, false},
                        {106, 12, at + 1, false},   {106, 12, last_mark - 1, false}};
  for (const auto& c : cases) {
    fs.set_content("/s", whole);
    replace(at, forge({.type = RecordType::link,
                       .sequence = c.sequence,
                       .spans_before = c.spans_before,
                       .durable_end = c.durable_end},
                      "link", at));
    EXPECT_EQ(scan().end > at, c.follows) << c.sequence << " " << c.spans_before;
  }
}

TEST_F(SegmentScanTest, BehindAGapNoMoreIsMissingThanItCanHaveHeld) {
  write(false);
  const auto begin = file_bytes();
  const auto at = begin + 1040;  // ten records at most, 43 spans
  const auto whole = fs.content("/s") + std::string(1040, '?');
  struct Case {
    std::uint64_t records, spans;
    bool fits;
  };
  const Case cases[] = {{10, 43, true}, {11, 43, false}, {10, 44, false}};
  for (const auto& c : cases) {
    fs.set_content("/s", whole);
    replace(at, forge({.type = RecordType::link,
                       .sequence = 106 + c.records,
                       .spans_before = 12 + c.spans,
                       .durable_end = at},
                      "link", at));
    const auto content = scan();
    ASSERT_EQ(content.gaps.size(), c.fits ? 1u : 0u) << c.records << " " << c.spans;
    if (!c.fits) continue;
    EXPECT_EQ(content.gaps[0].records, 10u);
    EXPECT_EQ(content.gaps[0].spans, 43u);
  }
}

TEST_F(SegmentScanTest, NothingInTheBodyOfARecordWithAWholeHeaderIsLookedAt) {
  write(false);
  const auto at = file_bytes();
  const auto inner = at + kRecordHeaderBytes + 80;
  const auto trap =
      std::string(80, ' ') +
      forge({.type = RecordType::link, .sequence = 106, .spans_before = 12, .durable_end = inner},
            "link", inner);
  auto record = forge(
      {.type = RecordType::link, .sequence = 106, .spans_before = 12, .durable_end = at}, trap, at);
  record[kRecordHeaderBytes] = '?';  // its body is damaged, the header is whole
  const auto next = at + record.size();
  replace(at, record);
  EXPECT_EQ(scan().end, at);
  replace(
      next,
      forge({.type = RecordType::link, .sequence = 106, .spans_before = 12, .durable_end = next},
            "next", next));
  const auto content = scan();
  ASSERT_EQ(content.gaps.size(), 1u);
  EXPECT_EQ(content.gaps[0].begin, at);
  EXPECT_EQ(content.gaps[0].end, next);
}

struct Forgery {
  SegmentFooter footer;
  RecordHeader header;
};

TEST_F(SegmentScanTest, AFooterIsBelievedOnlyIfEverythingOfItFollows) {
  write(false);
  const auto at = file_bytes();
  const auto whole = fs.content("/s");
  const Forgery right{
      .footer = {.counts = {.records = 6, .spans = 12, .record_bytes = 900},
                 .last_record = offset_of(5)},
      .header = {
          .type = RecordType::footer, .sequence = 106, .spans_before = 12, .durable_end = at}};
  const auto believed = [&](const std::function<void(Forgery&)>& change) {
    auto forgery = right;
    change(forgery);
    fs.set_content("/s", whole);
    replace(at, forge(forgery.header, encode_footer(forgery.footer), at));
    return footer().has_value();
  };
  EXPECT_TRUE(believed([](Forgery&) {}));
  EXPECT_FALSE(believed([](Forgery& f) { f.footer.counts.records = 0; }));
  EXPECT_FALSE(believed([](Forgery& f) { f.footer.counts.spans = 0; }));
  EXPECT_FALSE(believed([](Forgery& f) { f.footer.counts.replayed_spans = 13; }));
  EXPECT_FALSE(believed([&](Forgery& f) { f.footer.counts.record_bytes = at; }));
  EXPECT_FALSE(believed([](Forgery& f) { f.footer.last_record = 0; }));
  EXPECT_FALSE(believed([](Forgery& f) { f.footer.last_record = UINT64_MAX; }));
  EXPECT_FALSE(believed([&](Forgery& f) { f.footer.last_record = offset_of(4); }));
  EXPECT_FALSE(believed([](Forgery& f) { f.header.sequence = 100; }));
  EXPECT_FALSE(believed([](Forgery& f) { f.header.spans_before = 0; }));
  EXPECT_FALSE(believed([](Forgery& f) { f.header.durable_end -= 8; }));
  EXPECT_FALSE(believed([](Forgery& f) { f.header.type = RecordType::link; }));
}

TEST_F(SegmentScanTest, AnEmptySegmentHasAFooterToo) {
  auto writer = *SegmentWriter::create(fs, "/s", {.segment_id = 5, .first_sequence = 100},
                                       {.bytes = 1 << 20, .records = 1000});
  ASSERT_TRUE(writer->close());
  ASSERT_TRUE(footer());
  EXPECT_EQ(footer()->next_sequence, 100u);
  EXPECT_EQ(footer()->counts, SegmentCounts{});
}

TEST_F(SegmentScanTest, OneLostBlockCostsNoHeader) {
  write(true);
  replace(0, std::string(4096, '?'));
  EXPECT_EQ(scan().counts.records, 6u);
  fs.remove("/s").has_value();
  write(true);
  replace(4096, std::string(kHeaderCopyBytes, '?'));
  EXPECT_EQ(scan().counts.records, 6u);
}

TEST_F(SegmentScanTest, WithoutAnyHeaderNothingIsARecord) {
  write(true);
  replace(0, std::string(kSegmentHeaderBytes, '\0'));
  const auto content = scan();
  EXPECT_EQ(content.origin.key.version, 0u);
  EXPECT_EQ(content.counts.records, 0u);
}

}  // namespace
}  // namespace tracelink
