#include <algorithm>

#include <gtest/gtest.h>

#include "daemon/queue/record_format.hpp"
#include "tests/support/queue_harness.hpp"

// Segments that cannot be read while the queue runs: held, not given up.
namespace tracelink {
namespace {

using Numbers = std::vector<std::uint32_t>;

struct QueueHeldTest : testing::Test, QueueHarness {
  // One segment for each pair of numbers.
  void SetUp() override {
    for (std::uint32_t n = 0; n < 6; n += 2) {
      open();
      must_append(n, n + 2);
      close();
    }
    open();
  }
  std::vector<std::string> held() {
    std::vector<std::string> names;
    for (const auto& file : queue->stats().held_files) {
      names.push_back(std::filesystem::path(file.path).filename());
    }
    return names;
  }
  std::string segment_name(std::size_t index) const { return files(".segment").at(index); }
  void a_while() { clock.advance(std::chrono::seconds(11)); }
  void remove_segment(std::size_t index) { fs.remove_entry(segment_path(index)); }
  // Each of `all` was read once in the meantime; all of it is delivered now, counted and gone.
  void expect_all_delivered(const std::vector<StoredRecord>& all) {
    for (const auto& stored : all) deliver(stored);
    EXPECT_EQ(queue->stats().damaged, 0u);
    EXPECT_EQ(queue->stats().queued_spans, 0u);
    expect_conservation();
    reopen();
    EXPECT_TRUE(files(".segment").empty());
    EXPECT_EQ(queue->stats().delivered, queue->stats().accepted);
    expect_conservation();
  }
  std::vector<StoredRecord> drain_in_order(const Numbers& expected) {
    auto all = drain();
    Numbers seen;
    for (const auto& stored : all) seen.push_back(number(stored.record));
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(damage_reports, 0);
    return all;
  }
};

TEST_F(QueueHeldTest, ASegmentThatCannotBeReadIsHeldAndTheOthersGoOn) {
  fs.fail_reads(segment_name(1));
  auto all = drain_in_order({0, 1, 4, 5});
  EXPECT_EQ(held(), (std::vector<std::string>{segment_name(1)}));
  EXPECT_EQ(queue->stats().queued_spans, 12u);  // nothing of it is given up
  must_append(6, 7);
  all.push_back(drain_in_order({6}).at(0));
  fs.heal();
  EXPECT_TRUE(drain().empty()) << "it is not tried again at once";
  a_while();
  for (auto& stored : drain_in_order({2, 3})) all.push_back(std::move(stored));
  EXPECT_TRUE(held().empty());
  must_append(7, 8);
  all.push_back(drain_in_order({7}).at(0));
  expect_all_delivered(all);
}

TEST_F(QueueHeldTest, NothingIsQuarantinedOfWhatCannotBeRead) {
  fs.fail_reads(".segment");
  for (int n = 0; n < 20; ++n, a_while()) EXPECT_TRUE(drain().empty());
  EXPECT_EQ(held().size(), 3u);
  EXPECT_EQ(queue->stats().quarantine_files, 0u);
  EXPECT_EQ(queue->stats().damaged, 0u);
  fs.heal();
  a_while();
  expect_all_delivered(drain_in_order({0, 1, 2, 3, 4, 5}));
}

TEST_F(QueueHeldTest, EachReadThatFailsOnceOrForAWhileLosesAndRepeatsNothing) {
  for (const std::uint64_t times : {1u, 2u, 7u}) {
    for (std::uint64_t n = 0;; ++n) {
      SCOPED_TRACE(std::to_string(times) + " from read " + std::to_string(n));
      fs.fail_reads("queue/", n, times);
      std::vector<StoredRecord> all;
      Numbers seen;
      for (int round = 0; round < 20; ++round, a_while()) {
        for (auto& stored : drain()) {
          (void)queue->read(stored.position).has_value();  // may fail, as next() may
          seen.push_back(number(stored.record));
          all.push_back(std::move(stored));
        }
      }
      const bool fired = fs.fired();
      fs.heal();
      for (const auto& stored : all) EXPECT_EQ(queue->read(stored.position)->record, stored.record);
      std::ranges::sort(seen);
      EXPECT_EQ(seen, numbers(0, 6));
      EXPECT_EQ(damage_reports, 0);
      EXPECT_EQ(queue->stats().damaged, 0u);
      EXPECT_TRUE(held().empty());
      expect_conservation();
      crash(FakeFileSystem::Crash::keep_all);
      open();
      if (!fired || HasFailure()) break;
    }
  }
}

TEST_F(QueueHeldTest, ItIsReadOnFromWhereItFailed) {
  close();
  open();
  std::vector<StoredRecord> all;
  all.push_back(**queue->next());
  // The window holds the whole segment, so the fault is met when it is entered again.
  queue->spill(all[0].position);
  queue->rescan({});
  fs.fail_reads(segment_name(0));
  all = drain_in_order({2, 3, 4, 5});
  fs.heal();
  a_while();
  for (auto& stored : drain_in_order({1})) all.push_back(std::move(stored));
  queue->rescan({});
  for (auto& stored : drain_in_order({0})) all.push_back(std::move(stored));
  expect_all_delivered(all);
}

TEST_F(QueueHeldTest, AJournalThatCannotBeReadHoldsItsSegment) {
  for (const auto& stored : drain()) {
    if (number(stored.record) % 2 == 0) deliver(stored);
  }
  ASSERT_TRUE(queue->sync_journal());
  reopen();
  fs.fail_reads(files(".journal").at(1));
  auto all = drain_in_order({1, 5});
  EXPECT_EQ(queue->stats().held_files.at(0).kind, StateFile::journal);
  fs.heal();
  a_while();
  all.push_back(drain_in_order({3}).at(0));
  expect_all_delivered(all);
}

TEST_F(QueueHeldTest, AJournalThatIsGoneHasItsRecordsSentOnceMore) {
  const auto all = drain();
  deliver(all[0]);
  ASSERT_TRUE(queue->sync_journal());
  queue->spill(all[1].position);
  fs.remove_entry(options.state_dir / "queue" / files(".journal").at(0));
  queue->rescan({});
  auto again = drain_in_order({0, 1});
  EXPECT_EQ(queue->stats().delivered, 0u);
  for (std::size_t n = 2; n < 6; ++n) again.push_back(all[n]);
  expect_all_delivered(again);
}

TEST_F(QueueHeldTest, ARecordInFlightThatCannotBeReadIsNoDamage) {
  const auto all = drain();
  fs.fail_reads(segment_name(0));
  EXPECT_EQ(queue->read(all[0].position).error().code, ErrorCode::io);
  EXPECT_EQ(held(), (std::vector<std::string>{segment_name(0)}));
  fs.heal();
  EXPECT_EQ(queue->read(all[0].position)->record, record(0));
  EXPECT_TRUE(held().empty());
  expect_all_delivered(all);
}

TEST_F(QueueHeldTest, WhatASegmentHeldIsDamageOnceItsFileIsGone) {
  const auto all = drain();
  deliver(all[0]);
  queue->spill(all[3].position);
  remove_segment(1);  // the records 2 (in flight) and 3
  EXPECT_EQ(queue->read(all[2].position).error().code, ErrorCode::corrupt);
  queue->rescan({});
  EXPECT_TRUE(drain().empty());
  EXPECT_EQ(queue->stats().damaged, 4u);
  expect_conservation();
  for (const std::size_t n : {1u, 4u, 5u}) deliver(all[n]);
  EXPECT_EQ(queue->stats().queued_spans, 0u);
  EXPECT_EQ(queue->stats().queued_records, 0u);
  reopen();
  EXPECT_EQ(queue->stats().damaged, 4u);
  EXPECT_TRUE(files(".segment").empty());
  expect_conservation();
}

}  // namespace
}  // namespace tracelink
