#include <gtest/gtest.h>

#include "daemon/queue/record_format.hpp"
#include "tests/support/queue_harness.hpp"

// Records that are spilled and read again.
namespace tracelink {
namespace {

using Numbers = std::vector<std::uint32_t>;

struct QueueAsideTest : testing::Test, QueueHarness {
  void SetUp() override { open(); }
  void spill(const std::vector<StoredRecord>& all, const Numbers& which) {
    for (const std::uint32_t n : which) queue->spill(all.at(n).position);
  }
  bool lies_in(const StoredRecord& stored, std::size_t index) const {
    const std::string name = segment_path(index).filename();
    return std::stoull(name, nullptr, 16) == stored.position.segment_id;
  }
  // 300 records, all read; a look back for number 40 has met a read error in the last segment.
  std::vector<StoredRecord> look_back_past_an_unreadable_end() {
    must_append(0, 300, 200);
    auto all = drain();
    spill(all, {40});
    fs.fail_reads(files(".segment").back(), 0, 1);
    queue->rescan({});
    EXPECT_EQ(drain_numbers(), (Numbers{40}));
    return all;
  }
};

TEST_F(QueueAsideTest, WhatIsSetAsideComesAgainAfterALookBackOnly) {
  must_append(0, 10);
  const auto all = drain();
  spill(all, {2, 3, 7});
  must_append(10, 12);
  EXPECT_EQ(drain_numbers(), numbers(10, 12));
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{2, 3, 7}));
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), Numbers());
  for (std::size_t n = 0; n < 9; ++n) deliver(all[n]);
  EXPECT_EQ(queue->stats().oldest_accepted_at, all[9].record.accepted_at);
}

TEST_F(QueueAsideTest, AfterALookBackReadingGoesOnWhereItWas) {
  must_append(0, 10);
  std::vector<StoredRecord> some;
  for (int n = 0; n < 5; ++n) some.push_back(**queue->next());
  spill(some, {1});
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{1, 5, 6, 7, 8, 9}));
}

TEST_F(QueueAsideTest, ALookBackMayBeginAnywhere) {
  must_append(0, 300, 200);
  const auto all = drain();
  spill(all, {1, 40, 41, 250});
  queue->rescan(all[40].position);
  EXPECT_EQ(drain_numbers(), (Numbers{40, 41, 250}));
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{1}));
}

TEST_F(QueueAsideTest, ALookBackThatIsEndedLeavesTheRestAside) {
  must_append(0, 300, 200);
  const auto all = drain();
  spill(all, {1, 2, 250});
  queue->rescan({});
  EXPECT_EQ(number((*queue->next())->record), 1u);
  queue->end_rescan();
  EXPECT_EQ(drain_numbers(), Numbers());
  must_append(300, 302, 200);
  EXPECT_EQ(drain_numbers(), numbers(300, 302));
  queue->rescan(all[2].position);
  EXPECT_EQ(drain_numbers(), (Numbers{2, 250}));
}

TEST_F(QueueAsideTest, ALookBackThatIsEndedGoesOnWhereReadingWas) {
  must_append(0, 10);
  std::vector<StoredRecord> some;
  for (int n = 0; n < 5; ++n) some.push_back(**queue->next());
  spill(some, {1, 2});
  queue->rescan({});
  EXPECT_EQ(number((*queue->next())->record), 1u);
  queue->end_rescan();
  EXPECT_EQ(drain_numbers(), numbers(5, 10));
  EXPECT_EQ(queue->next_sequence(), some[0].sequence + 10);
}

TEST_F(QueueAsideTest, DamageBehindALookBackThatBeginsInTheMiddleIsCountedOnce) {
  must_append(0, 6);
  const auto all = drain();
  spill(all, {2, 3, 4});
  auto bytes = fs.content(segment_path(0));
  bytes.at(all[4].position.offset + 5) ^= 0x10;
  fs.set_content(segment_path(0), bytes);
  queue->rescan(all[3].position);
  EXPECT_EQ(drain_numbers(), (Numbers{3}));
  EXPECT_EQ(queue->stats().damaged, all[4].record.slice.span_count);
}

TEST_F(QueueAsideTest, ALookBackGivesNothingThatIsDoneOrInFlight) {
  must_append(0, 6);
  const auto all = drain();
  deliver(all[0]);
  ASSERT_TRUE(queue->sync_journal());
  deliver(all[1]);
  spill(all, {2, 4});
  queue->rescan({});
  const auto first = queue->next();
  deliver(all[5]);  // ahead of the rescan
  EXPECT_EQ(number((*first)->record), 2u);
  EXPECT_EQ(drain_numbers(), (Numbers{4}));
  for (const std::size_t n : {2u, 3u, 4u}) deliver(all[n]);
  expect_conservation();
  EXPECT_EQ(queue->stats().queued_spans, 0u);
}

TEST_F(QueueAsideTest, WhatIsSetAsideDuringALookBackWaitsForTheNext) {
  must_append(0, 6);
  const auto all = drain();
  spill(all, {1, 3});
  queue->rescan({});
  const auto first = queue->next();
  queue->spill((*first)->position);
  spill(all, {5});
  EXPECT_EQ(drain_numbers(), (Numbers{3}));
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{1, 5}));
}

TEST_F(QueueAsideTest, ALookBackMayBeginBeforeTheLastOneHasEnded) {
  must_append(0, 300, 200);
  const auto all = drain();
  spill(all, {1, 2, 250, 299});
  queue->rescan({});
  EXPECT_EQ(number((*queue->next())->record), 1u);
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{2, 250, 299}));
}

TEST_F(QueueAsideTest, SegmentsWithNothingAsideAreNotReadAgain) {
  must_append(0, 300, 200);
  ASSERT_GT(files(".segment").size(), 4u);
  const auto all = drain();
  spill(all, {0});
  fs.set_content(segment_path(2), std::string(fs.content(segment_path(2)).size(), 'x'));
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{0}));
  EXPECT_EQ(queue->stats().quarantine_files, 0u);
}

TEST_F(QueueAsideTest, ALookBackTellsThatItPassedOverWhatItCouldNotRead) {
  must_append(0, 300, 200);
  const auto all = drain();
  spill(all, {40, 250});
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{40, 250}));
  EXPECT_FALSE(queue->missed_spilled());
  spill(all, {40, 250});
  ASSERT_TRUE(lies_in(all[40], 1) && !lies_in(all[250], 1));
  fs.fail_reads(segment_path(1).filename());
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{250}));
  EXPECT_TRUE(queue->missed_spilled());
  fs.heal();
  EXPECT_TRUE(queue->read(all[41].position)) << "which ends the hold";
  EXPECT_TRUE(queue->missed_spilled());
  queue->rescan({});
  EXPECT_FALSE(queue->missed_spilled());
  EXPECT_EQ(drain_numbers(), (Numbers{40}));
  EXPECT_FALSE(queue->missed_spilled());
}

TEST_F(QueueAsideTest, ALookBackGoesOnAfterTheLastSegmentWasReadThatCouldNotBeBefore) {
  const auto all = look_back_past_an_unreadable_end();
  ASSERT_EQ(queue->stats().held_files.size(), 1u);
  clock.advance(std::chrono::seconds(11));
  spill(all, {40});
  queue->rescan({});
  EXPECT_TRUE(queue->is_rescanning());
  EXPECT_EQ(drain_numbers(), (Numbers{40}));
  EXPECT_FALSE(queue->is_rescanning());
}

TEST_F(QueueAsideTest, ALookBackMayBeEndedWhileWhatCouldNotBeReadBeforeComes) {
  const auto all = look_back_past_an_unreadable_end();
  must_append(300, 302, 200);
  EXPECT_EQ(drain_numbers(), Numbers());
  spill(all, {40});
  clock.advance(std::chrono::seconds(11));
  queue->rescan({});
  EXPECT_EQ(number((*queue->next())->record), 300u);
  EXPECT_TRUE(queue->is_rescanning());
  queue->end_rescan();
  EXPECT_EQ(drain_numbers(), (Numbers{301}));
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{40}));
}

TEST_F(QueueAsideTest, ALookBackTellsThatItPassedOverWhatIsHeld) {
  must_append(0, 300, 200);
  const auto all = drain();
  spill(all, {40});
  ASSERT_TRUE(lies_in(all[40], 1));
  fs.fail_reads(segment_path(1).filename(), 0, 1);
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), Numbers());
  ASSERT_TRUE(queue->missed_spilled());
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), Numbers()) << "it is not tried again at once";
  EXPECT_TRUE(queue->missed_spilled());
  clock.advance(std::chrono::seconds(11));
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{40}));
  EXPECT_FALSE(queue->missed_spilled());
}

TEST_F(QueueAsideTest, WhatIsSetAsideIsUnreadAfterAReopen) {
  must_append(0, 6);
  const auto all = drain();
  spill(all, {1, 4});
  for (const std::size_t n : {0u, 2u, 3u, 5u}) deliver(all[n]);
  const auto stats = queue->stats();
  EXPECT_EQ(stats.queued_records, 2u);
  EXPECT_LE(stats.oldest_accepted_at, all[1].record.accepted_at);
  reopen();
  EXPECT_EQ(drain_numbers(), (Numbers{1, 4}));
  expect_conservation();
}

TEST_F(QueueAsideTest, DamageOfWhatIsAsideIsCountedOnce) {
  must_append(0, 6);
  const auto all = drain();
  spill(all, {2, 4});
  const auto whole = fs.content(segment_path(0));
  auto bytes = whole;
  bytes.at(all[2].position.offset + 5) ^= 0x10;
  fs.set_content(segment_path(0), bytes);
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{4}));
  EXPECT_EQ(queue->stats().damaged, all[2].record.slice.span_count);
  fs.set_content(segment_path(0), whole);
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), Numbers()) << "it is accounted for";
  for (const std::size_t n : {0u, 1u, 3u, 4u, 5u}) deliver(all[n]);
  expect_conservation();
  EXPECT_EQ(queue->stats().queued_spans, 0u);
}

TEST_F(QueueAsideTest, DamageSeenByTheFirstPassIsNotCountedAgain) {
  must_append(0, 6);
  const auto path = segment_path(0);
  const auto whole = fs.content(path);
  const auto size = stored_bytes(record(0));
  auto bytes = whole;
  for (const std::uint64_t n : {2u, 3u}) bytes.at(kSegmentHeaderBytes + n * size + 5) ^= 0x10;
  fs.set_content(path, bytes);
  const auto all = drain();
  ASSERT_EQ(all.size(), 4u);
  const auto damaged = queue->stats().damaged;
  spill(all, {1});
  fs.set_content(path, whole);
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{1}));
  EXPECT_EQ(queue->stats().damaged, damaged);
  for (const auto& stored : all) deliver(stored);
  expect_conservation();
  EXPECT_EQ(queue->stats().queued_spans, 0u);
}

TEST_F(QueueAsideTest, WhatWasDroppedForRoomMeanwhileIsForgotten) {
  close();
  options.on_full = OnFull::drop_oldest;
  options.max_bytes = 128u << 10;
  open();
  must_append(0, 40, 200);
  const auto all = drain();
  must_append(40, 1000, 200);
  ASSERT_GT(queue->stats().dropped_policy, 0u);
  spill(all, {0});
  queue->rescan({});
  EXPECT_NE(drain_numbers().at(0), 0u);
  expect_conservation();
}

}  // namespace
}  // namespace tracelink
