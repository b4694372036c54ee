#include <gtest/gtest.h>

#include "tests/support/queue_harness.hpp"

// Records without spans: the infos and the changes of traces.
namespace tracelink {
namespace {

struct TraceInfoRecordsTest : testing::Test, QueueHarness {
  static Record info(std::uint32_t n, std::size_t bytes = 40) {
    Record record = QueueHarness::record(n);
    record.slice.span_count = 0;
    record.slice.root_seen = true;
    record.slice.otlp.clear();
    record.slice.info.assign(bytes, '1');
    return record;
  }
};

TEST_F(TraceInfoRecordsTest, KeepTheirPlaceAmongSpansAndCountAsNone) {
  open();
  must_append(0, 1);
  ASSERT_TRUE(append(info(1)));
  must_append(2, 3);
  reopen();
  const auto all = drain();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].record, record(0));
  EXPECT_EQ(all[1].record, info(1));
  EXPECT_EQ(all[2].record, record(2));
  EXPECT_EQ(all[1].sequence, 2u);
  EXPECT_EQ(all[2].sequence, 3u);
  EXPECT_EQ(queue->read(all[1].position)->record, info(1));
  EXPECT_EQ(queue->stats().accepted, record(0).slice.span_count + record(2).slice.span_count);
  EXPECT_EQ(queue->stats().queued_records, 3u);
}

TEST_F(TraceInfoRecordsTest, AChangeIsOneToo) {
  Record change = info(1);
  change.slice.change = std::exchange(change.slice.info, {});
  change.slice.root_seen = false;
  open();
  must_append(0, 1);
  ASSERT_TRUE(append(change));
  crash(FakeFileSystem::Crash::lose_unsynced);
  open();
  const auto all = drain();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].record, change);
  EXPECT_EQ(queue->stats().accepted, record(0).slice.span_count);
  EXPECT_EQ(queue->stats().queued_records, 2u);
}

TEST_F(TraceInfoRecordsTest, ASegmentStaysUntilTheyAreDone) {
  open();
  must_append(0, 1);
  ASSERT_TRUE(append(info(1)));
  const auto all = drain();
  deliver(all[0]);
  reopen();
  const auto left = drain();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].record, info(1));
  deliver(left[0]);
  reopen();
  EXPECT_TRUE(drain().empty());
  EXPECT_TRUE(files(".segment").empty());
  expect_conservation();
}

TEST_F(TraceInfoRecordsTest, AreReadAfterACrashWithoutAFooter) {
  open();
  ASSERT_TRUE(append(info(1)));
  ASSERT_TRUE(append(info(2)));
  crash(FakeFileSystem::Crash::lose_unsynced);
  open();
  const auto all = drain();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].record, info(2));
}

TEST_F(TraceInfoRecordsTest, AreMovedWithWhatIsLive) {
  options.max_bytes = 1u << 20;
  options.segment_bytes = 32u << 10;
  open();
  ASSERT_TRUE(append(info(7)));
  must_append(100, 300, 1000);
  StoredRecord held;
  for (const auto& stored : drain()) {
    if (stored.record.slice.info.empty()) {
      deliver(stored);
    } else {
      held = stored;
    }
  }
  clock.advance(std::chrono::seconds(11));
  must_append(9000, 9003);
  for (const auto& stored : drain()) deliver(stored);
  ASSERT_EQ(queue->stats().moved_records, 1u);
  EXPECT_EQ(queue->read(held.position)->record, info(7));
  reopen();
  const auto left = drain();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].record, info(7));
  EXPECT_EQ(left[0].position, held.position);
  EXPECT_EQ(left[0].sequence, held.sequence);
  expect_conservation();
}

}  // namespace
}  // namespace tracelink
