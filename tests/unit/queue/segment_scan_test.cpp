#include "daemon/queue/segment_scan.hpp"

#include <gtest/gtest.h>

#include "daemon/queue/segment_writer.hpp"
#include "tests/support/queue_harness.hpp"

namespace tracelink {
namespace {

struct SegmentScanTest : testing::Test {
  void write(bool close) {
    auto created = SegmentWriter::create(fs, "/s", {.segment_id = 5, .first_sequence = 100},
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
  SegmentReader reader(std::uint64_t id = 5) { return {*fs.open_read_only("/s"), id}; }
  SegmentContent scan() {
    auto in = reader();
    return scan_segment(in, fs.content("/s").size(), [&](std::string_view) { ++links; });
  }

  FakeFileSystem fs;
  int links = 0;
};

TEST_F(SegmentScanTest, CountsWhatTheFooterSays) {
  write(true);
  const auto scanned = scan();
  auto in = reader();
  const auto footer = read_footer(in, fs.content("/s").size());
  ASSERT_TRUE(footer);
  EXPECT_EQ(scanned.counts, footer->counts);
  EXPECT_EQ(scanned.spans_end, footer->spans_end);
  EXPECT_EQ(scanned.next_sequence, footer->next_sequence);
  EXPECT_EQ(scanned.counts.records, 6u);
  EXPECT_EQ(scanned.next_sequence, 106u);
  EXPECT_TRUE(scanned.closed);
  EXPECT_EQ(links, 1);
}

TEST_F(SegmentScanTest, FindsNoFooterInAnOpenSegment) {
  write(false);
  auto in = reader();
  EXPECT_FALSE(read_footer(in, fs.content("/s").size()));
  EXPECT_FALSE(scan().closed);
}

TEST_F(SegmentScanTest, KnowsExactlyWhatAGapHeld) {
  write(true);
  auto bytes = fs.content("/s");
  const auto link_bytes = stored_bytes(std::uint64_t{4});
  const auto one = stored_bytes(QueueHarness::record(0));
  const auto begin = kSegmentHeaderBytes + link_bytes + one;
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), 2 * one, '?');
  fs.set_content("/s", bytes);
  const auto content = scan();
  ASSERT_EQ(content.gaps.size(), 1u);
  EXPECT_EQ(content.gaps[0].begin, begin);
  EXPECT_EQ(content.gaps[0].end, begin + 2 * one);
  EXPECT_EQ(content.gaps[0].records, 2u);
  EXPECT_EQ(content.gaps[0].spans, 2u + 3u);
  EXPECT_FALSE(content.gaps[0].torn);
}

TEST_F(SegmentScanTest, FindsNothingUnderAnotherId) {
  write(true);
  auto in = reader(6);
  const auto content = scan_segment(in, fs.content("/s").size(), [](std::string_view) {});
  EXPECT_EQ(content.counts.records, 0u);
  EXPECT_EQ(content.end, kSegmentHeaderBytes);
}

}  // namespace
}  // namespace tracelink
