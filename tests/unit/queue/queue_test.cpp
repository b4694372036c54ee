#include "daemon/queue/queue.hpp"

#include <numeric>

#include <gtest/gtest.h>

#include "daemon/queue/record_format.hpp"
#include "tests/support/queue_harness.hpp"

namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

struct QueueTest : testing::Test, QueueHarness {
  void SetUp() override { open(); }
};

TEST_F(QueueTest, GivesBackWhatWasAppendedUnchangedAndInOrder) {
  must_append(0, 50);
  const auto all = drain();
  ASSERT_EQ(all.size(), 50u);
  for (std::uint32_t n = 0; n < 50; ++n) {
    EXPECT_EQ(all[n].record, record(n));
    EXPECT_EQ(all[n].sequence, n + 1);
  }
  EXPECT_FALSE(*queue->next());
}

TEST_F(QueueTest, AcknowledgedRecordsSurviveAPowerCut) {
  must_append(0, 20);
  crash(Crash::lose_unsynced);
  open();
  EXPECT_EQ(drain_numbers(), numbers(0, 20));
  EXPECT_EQ(queue->stats().damaged, 0u);
}

TEST_F(QueueTest, RecordsOfOneRequestBecomeDurableWithOneSync) {
  const auto before = queue->stats().syncs;
  ASSERT_TRUE(append({record(0), record(1), record(2)}));
  EXPECT_EQ(queue->stats().syncs, before + 1);
  const auto commits = queue->stats().commit_time.counts();
  EXPECT_EQ(std::accumulate(commits.begin(), commits.end(), std::uint64_t{0}), before + 1);
}

TEST_F(QueueTest, ReopeningContinuesSequenceAndSegmentIds) {
  must_append(0, 3);
  for (const auto& stored : drain()) deliver(stored);
  reopen();
  must_append(3, 4);
  const auto all = drain();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].sequence, 4u);
  EXPECT_EQ(all[0].position.segment_id, 2u);
}

TEST_F(QueueTest, WhatIsDoneIsNotGivenAgainAfterAReopen) {
  must_append(0, 10);
  const auto all = drain();
  for (const std::size_t i : {1u, 5u, 9u}) deliver(all[i]);
  reopen();
  EXPECT_EQ(drain_numbers(), (std::vector<std::uint32_t>{0, 2, 3, 4, 6, 7, 8}));
  expect_conservation();
}

TEST_F(QueueTest, SyncedCompletionsSurviveAPowerCutAndOthersAreRepeated) {
  must_append(0, 3);
  const auto all = drain();
  deliver(all[1]);
  ASSERT_TRUE(queue->sync_journal());
  deliver(all[0]);
  crash(Crash::lose_unsynced);
  open();
  EXPECT_EQ(drain_numbers(), (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(queue->stats().delivered, all[1].record.slice.span_count);
  expect_conservation();
}

TEST_F(QueueTest, DeletesASegmentWhenItsLastRecordIsDoneAndKeepsTheTotals) {
  must_append(0, 300, 200);
  ASSERT_GT(files(".segment").size(), 2u);
  for (const auto& stored : drain()) deliver(stored);
  reopen();
  const auto stats = queue->stats();
  EXPECT_EQ(files(".segment").size(), 0u);
  EXPECT_EQ(files(".journal").size(), 0u);
  EXPECT_EQ(stats.accepted, 600u);
  EXPECT_EQ(stats.delivered, 600u);
  EXPECT_EQ(stats.queued_spans, 0u);
}

TEST_F(QueueTest, DeletesNoSegmentBeforeItsTotalsAreDurable) {
  must_append(0, 300, 200);
  const auto before = files(".segment").size();
  fs.fail_names("checkpoint");
  for (const auto& stored : drain()) deliver(stored);
  close();
  EXPECT_EQ(files(".segment").size(), before);
  fs.fail_names("");
  open();
  EXPECT_EQ(queue->stats().delivered, 600u);
  reopen();
  EXPECT_TRUE(files(".segment").empty());
  EXPECT_EQ(queue->stats().delivered, 600u);
}

TEST_F(QueueTest, EveryTermOfACompletionIsDurable) {
  ASSERT_TRUE(append({record(2), record(5), record(8), record(11), record(14)}));
  const auto all = drain();
  queue->complete(
      {.position = all[0].position, .delivered = 1, .dead_lettered = 1, .duplicate = 1});
  for (int life = 0; life < 3; ++life) {
    const auto stats = queue->stats();
    EXPECT_EQ(stats.delivered, 1u);
    EXPECT_EQ(stats.dead_lettered, 1u);
    EXPECT_EQ(stats.duplicate, 1u);
    EXPECT_EQ(stats.queued_spans, 12u);
    EXPECT_EQ(stats.queued_records, 4u);
    expect_conservation();
    reopen();
  }
}

TEST_F(QueueTest, ReplayedSpansMoveFromDeadLettersToQueued) {
  ASSERT_TRUE(append(record(2)));
  queue->complete({.position = drain()[0].position, .dead_lettered = 3});
  ASSERT_TRUE(append_replayed(record(2)));
  for (int life = 0; life < 2; ++life) {
    const auto stats = queue->stats();
    EXPECT_EQ(stats.accepted, 3u);
    EXPECT_EQ(stats.dead_lettered, 0u);
    EXPECT_EQ(stats.queued_spans, 3u);
    EXPECT_EQ(stats.replayed, 3u);
    reopen();
  }
  deliver(drain().at(0));
  reopen();
  EXPECT_TRUE(files(".segment").empty());
  EXPECT_EQ(queue->stats().delivered, 3u);
  EXPECT_EQ(queue->stats().replayed, 3u) << "remembered without the segment";
  expect_conservation();
}

TEST_F(QueueTest, RemovedDeadLettersAreDropped) {
  ASSERT_TRUE(append(record(2)));
  queue->complete({.position = drain()[0].position, .dead_lettered = 3});
  ASSERT_TRUE(queue->count_removed_dead_letters(2, 0));
  reopen();
  EXPECT_EQ(queue->stats().dead_lettered, 1u);
  EXPECT_EQ(queue->stats().dropped_removed, 2u);
  expect_conservation();
}

TEST_F(QueueTest, ReadGivesARecordInFlightAgain) {
  must_append(0, 3);
  const auto all = drain();
  const auto again = queue->read(all[1].position);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->record, all[1].record);
  EXPECT_EQ(again->sequence, all[1].sequence);
  deliver(all[1]);
  EXPECT_FALSE(queue->read(all[1].position));
}

TEST_F(QueueTest, CompletingTwiceAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  must_append(0, 1);
  const auto all = drain();
  deliver(all[0]);
  EXPECT_DEATH(deliver(all[0]), "");
}

TEST_F(QueueTest, ARecordLargerThanASegmentGetsASegmentOfItsSize) {
  ASSERT_TRUE(append(record(0, 100'000)));
  must_append(1, 2);
  reopen();
  EXPECT_EQ(drain_numbers(), numbers(0, 2));
}

TEST_F(QueueTest, KeepsLinksInModelsAndInEachSegment) {
  const auto hash = queue->remember_link(link("agent", "1"));
  ASSERT_TRUE(hash);
  auto linked = record(0);
  linked.link = *hash;
  ASSERT_TRUE(append(linked));
  close();
  ASSERT_TRUE(fs.remove(options.state_dir / "models" / "links" / hash->hex()));
  open();
  EXPECT_FALSE(queue->link(*hash));
  ASSERT_EQ(drain().at(0).record, linked);
  const auto found = queue->link(*hash);
  EXPECT_EQ(queue->links().at(*hash), *found);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->model_name(), "agent-1");
  reopen();
  EXPECT_TRUE(queue->link(*hash));
}

TEST_F(QueueTest, ADamagedLinkFileIsSetAside) {
  const auto hash = queue->remember_link(link("agent"));
  close();
  fs.set_content(options.state_dir / "models" / "links" / hash->hex(), "damaged");
  open();
  EXPECT_FALSE(queue->link(*hash));
  EXPECT_EQ(queue->stats().quarantine_files, 1u);
  EXPECT_TRUE(queue->remember_link(link("agent")));
}

TEST_F(QueueTest, ForgetsOnlyLinksNamedByTraces) {
  LinkDefinition named = link("cart");
  named.named_by_trace = true;
  const auto configured_hash = queue->remember_link(link("cart"));
  const auto named_hash = queue->remember_link(named);
  ASSERT_TRUE(configured_hash && named_hash);
  EXPECT_NE(*named_hash, *configured_hash);
  reopen();
  EXPECT_EQ(queue->links_named_by_traces(), std::vector<LinkHash>{*named_hash});
  EXPECT_TRUE(queue->forget_link(*named_hash));
  EXPECT_TRUE(queue->forget_link(*configured_hash));
  reopen();
  EXPECT_TRUE(queue->links_named_by_traces().empty());
  EXPECT_FALSE(queue->link(*named_hash));
  EXPECT_TRUE(queue->link(*configured_hash));
}

TEST_F(QueueTest, RefusesARecordWithAnUnknownLink) {
  auto linked = record(0);
  linked.link.bytes[0] = 7;
  const auto result = append(linked);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid);
}

TEST_F(QueueTest, StopAnswersWhatWasAppendedAndThenRefuses) {
  auto first = append_async({record(0)});
  queue->stop();
  EXPECT_TRUE(first.get());
  const auto late = append(record(1));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::closed);
}

TEST_F(QueueTest, CallsBackAfterRecordsBecameDurable) {
  close();
  auto opened = Queue::open(options, fs, clock, random);
  ASSERT_TRUE(opened);
  queue = *std::move(opened);
  std::promise<std::uint64_t> durable;
  queue->set_on_durable([&] { durable.set_value(queue->stats().queued_records); });
  queue->start();
  must_append(0, 1);
  EXPECT_EQ(durable.get_future().get(), 1u);
}

TEST_F(QueueTest, ConcurrentAppendsShareSyncsAndAllArriveOnce) {
  std::vector<std::future<Result<void>>> answers;
  for (std::uint32_t n = 0; n < 500; ++n) answers.push_back(append_async({record(n)}));
  for (auto& answer : answers) ASSERT_TRUE(answer.get());
  EXPECT_EQ(drain_numbers(), numbers(0, 500));
}

TEST_F(QueueTest, ReportsTheAgeOfTheOldestRecordThatIsNotDone) {
  EXPECT_FALSE(queue->stats().oldest_accepted_at);
  must_append(0, 3);
  EXPECT_EQ(queue->stats().oldest_accepted_at, record(0).accepted_at);
  const auto all = drain();
  deliver(all[0]);
  EXPECT_EQ(queue->stats().oldest_accepted_at, record(1).accepted_at);
}

class AgeTest : public QueueTest {
 protected:
  void accept(std::uint32_t number) {
    Record now = record(number);
    now.accepted_at = clock.wall();
    ASSERT_TRUE(append(std::move(now)));
  }
  WallTime::duration age() const { return clock.wall() - *queue->stats().oldest_accepted_at; }
  void expect_ages_without(std::chrono::hours step) {
    accept(0);
    clock.advance(std::chrono::minutes(1));
    clock.set_wall_by(step);
    EXPECT_EQ(age(), std::chrono::minutes(1)) << "unread";
    accept(1);
    clock.advance(std::chrono::minutes(1));
    const auto all = drain();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(age(), std::chrono::minutes(2)) << "in flight";
    deliver(all[0]);
    EXPECT_EQ(age(), std::chrono::minutes(1)) << "accepted since the clock was set";
  }
};

TEST_F(AgeTest, DoesNotFollowAClockThatIsSetForward) {
  expect_ages_without(std::chrono::hours(24));
}

TEST_F(AgeTest, DoesNotFollowAClockThatIsSetBack) { expect_ages_without(std::chrono::hours(-24)); }

TEST_F(QueueTest, ReadingStaysBelowTheWriter) {
  for (std::uint32_t n = 0; n < 100; ++n) {
    must_append(n, n + 1, 300);
    const auto next = queue->next();
    ASSERT_TRUE(next && *next);
    EXPECT_EQ(number((*next)->record), n);
    ASSERT_FALSE(*queue->next());
    deliver(**next);
  }
  expect_conservation();
}

TEST_F(QueueTest, RecoveryReadsOnlyFootersOfClosedSegments) {
  must_append(0, 200, 200);
  crash(Crash::keep_all);
  // The first segment has its footer: damage in it is met by next(), not by recovery.
  auto bytes = fs.content(segment_path(0));
  bytes[kSegmentHeaderBytes + 100] ^= 1;
  fs.set_content(segment_path(0), bytes);
  open();
  EXPECT_EQ(queue->stats().damaged, 0u);
  EXPECT_EQ(drain_numbers().size(), 199u);
  EXPECT_GT(queue->stats().damaged, 0u);
}

}  // namespace
}  // namespace tracelink
