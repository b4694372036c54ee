#include <algorithm>

#include <gtest/gtest.h>

#include "daemon/queue/record_format.hpp"
#include "tests/support/queue_harness.hpp"

// Live records of mostly finished segments that are moved together.
namespace tracelink {
namespace {

using Numbers = std::vector<std::uint32_t>;

constexpr std::size_t kKindAt = 59;  // in a segment's header

struct QueueMoveTest : testing::Test, QueueHarness {
  QueueMoveTest() {
    options.max_bytes = 1u << 20;
    options.segment_bytes = 32u << 10;
  }
  // Every `held`-th record stays, the others are delivered.
  std::vector<StoredRecord> pass(std::uint32_t from, std::uint32_t to, std::uint32_t held,
                                 std::size_t bytes = 1000) {
    must_append(from, to, bytes);
    std::vector<StoredRecord> kept;
    for (const auto& stored : drain()) {
      if (number(stored.record) % held == 0) {
        kept.push_back(stored);
      } else {
        deliver(stored);
      }
    }
    return kept;
  }
  // The writer looks for something to move when nothing was done in it for a while.
  void let_it_move() {
    clock.advance(std::chrono::seconds(11));
    must_append(9000, 9003);
    for (const auto& stored : drain()) {
      if (number(stored.record) >= 9000) deliver(stored);
    }
  }
  static Numbers numbers_of(const std::vector<StoredRecord>& all) {
    Numbers result;
    for (const auto& stored : all) result.push_back(number(stored.record));
    return result;
  }
  void expect_readable(const std::vector<StoredRecord>& all) {
    for (const auto& stored : all) {
      const auto again = queue->read(stored.position);
      ASSERT_TRUE(again) << again.error().message;
      EXPECT_EQ(again->record, stored.record);
      EXPECT_EQ(again->sequence, stored.sequence);
    }
  }
};

TEST_F(QueueMoveTest, WhatIsHeldCostsItsOwnBytes) {
  open();
  std::vector<StoredRecord> held;
  for (std::uint32_t round = 0; round < 40; ++round) {  // 4 MB through a queue of 1 MiB
    const auto more = pass(round * 100, round * 100 + 100, 50);
    held.insert(held.end(), more.begin(), more.end());
  }
  EXPECT_LE(fs.disk_bytes(), options.max_bytes);
  EXPECT_EQ(held.size(), 80u);
  expect_readable(held);
  let_it_move();
  const auto stats = queue->stats();
  EXPECT_GT(stats.moved_records, 70u);
  EXPECT_GT(stats.reclaimed_bytes, 2'000'000u);
  EXPECT_EQ(stats.queued_records, 80u);
  EXPECT_LE(stats.segments, 12u);
  expect_conservation();
}

TEST_F(QueueMoveTest, ARecordKeepsItsNameAndItsOrderWhereverItLies) {
  open();
  const auto held = pass(0, 200, 40);
  let_it_move();
  ASSERT_GT(queue->stats().moved_records, 0u);
  expect_readable(held);
  reopen();
  const auto again = drain();
  ASSERT_EQ(numbers_of(again), numbers_of(held));
  for (std::size_t i = 0; i < held.size(); ++i) {
    EXPECT_EQ(again[i].position, held[i].position);
    EXPECT_EQ(again[i].sequence, held[i].sequence);
    EXPECT_EQ(again[i].record, held[i].record);
  }
  for (const auto& stored : again) deliver(stored);
  expect_conservation();
  EXPECT_EQ(queue->stats().queued_spans, 0u);
  reopen();
  EXPECT_EQ(drain_numbers(), Numbers());
  EXPECT_EQ(queue->stats().delivered, queue->stats().accepted);
}

TEST_F(QueueMoveTest, RecordsAreMovedAgainWithTheirFirstName) {
  open();
  auto held = pass(0, 200, 20);
  let_it_move();
  const auto once = queue->stats().moved_records;
  ASSERT_GT(once, 0u);
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (i % 8 != 0) deliver(held[i]);
  }
  const auto more = pass(200, 400, 40);
  let_it_move();
  EXPECT_GT(queue->stats().moved_records, once);
  std::vector<StoredRecord> live;
  for (std::size_t i = 0; i < held.size(); i += 8) live.push_back(held[i]);
  live.insert(live.end(), more.begin(), more.end());
  expect_readable(live);
  reopen();
  const auto again = drain();
  ASSERT_EQ(numbers_of(again), numbers_of(live));
  EXPECT_EQ(again[0].position, live[0].position);
  EXPECT_EQ(again[0].sequence, live[0].sequence);
  expect_conservation();
}

TEST_F(QueueMoveTest, WhatIsAsideIsMovedAndComesBackAfterALookBack) {
  open();
  const auto held = pass(0, 200, 40);
  queue->spill(held[1].position);
  queue->spill(held[3].position);
  let_it_move();
  ASSERT_GT(queue->stats().moved_records, 0u);
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{40, 120}));
  for (const auto& stored : held) deliver(stored);
  expect_conservation();
  EXPECT_EQ(queue->stats().queued_spans, 0u);
}

TEST_F(QueueMoveTest, UnreadRecordsAreMovedInTheirOrder) {
  open();
  pass(0, 200, 40);
  reopen();
  std::vector<StoredRecord> first;
  first.push_back(**queue->next());
  clock.advance(std::chrono::seconds(11));
  must_append(9000, 9003);
  ASSERT_GT(queue->stats().moved_records, 0u);
  const auto rest = drain();
  EXPECT_EQ(number(first[0].record), 0u);
  EXPECT_EQ(numbers_of(rest), (Numbers{40, 80, 120, 160, 9000, 9001, 9002}));
  expect_conservation();
}

TEST_F(QueueMoveTest, LinksComeAlong) {
  open();
  const auto link = *queue->remember_link(QueueHarness::link("agent", "v1"));
  auto linked = record(0, 1000);
  linked.link = link;
  ASSERT_TRUE(append(linked));
  pass(1, 200, 200);
  let_it_move();
  ASSERT_GT(queue->stats().moved_records, 0u);
  close();
  ASSERT_TRUE(fs.remove(options.state_dir / "models" / "links" / link.hex()));
  open();
  const auto again = drain();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].record, linked);
}

TEST_F(QueueMoveTest, ReplayedSpansAreCountedOnce) {
  open();
  const auto dead = pass(0, 1, 1);
  queue->complete({.position = dead[0].position, .dead_lettered = record(0).slice.span_count});
  Record back = record(0, 1000);
  back.accepted_sequence = dead[0].sequence;
  ASSERT_TRUE(append_replayed(back));
  const auto replayed = pass(1, 200, 200);
  const auto before = queue->stats();
  let_it_move();
  ASSERT_GT(queue->stats().moved_records, 0u);
  for (int life = 0; life < 2; ++life) {
    const auto stats = queue->stats();
    EXPECT_EQ(stats.replayed, before.replayed);
    EXPECT_EQ(stats.dead_lettered, before.dead_lettered);
    EXPECT_EQ(stats.queued_spans, before.queued_spans);
    expect_conservation();
    reopen();
  }
  const auto live = drain();
  const auto again = std::ranges::find(live, true, &StoredRecord::replayed);
  ASSERT_NE(again, live.end());
  EXPECT_EQ(again->record, back);
}

TEST_F(QueueMoveTest, ASegmentThatCannotBeReadIsNeitherMovedNorDeleted) {
  open();
  const auto held = pass(0, 200, 40);
  const auto path = segment_path(0);
  const auto whole = fs.content(path);
  auto bytes = whole;
  bytes.at(held[0].position.offset + 60) ^= 0x10;
  fs.set_content(path, bytes);
  let_it_move();
  EXPECT_EQ(fs.content(path), bytes);
  EXPECT_EQ(queue->stats().damaged, 0u);
  fs.set_content(path, whole);
  clock.advance(std::chrono::minutes(2));
  let_it_move();
  EXPECT_GT(queue->stats().moved_records, 0u);
  expect_readable(held);
  expect_conservation();
}

TEST_F(QueueMoveTest, ASegmentThatCannotBeReadKeepsNoOtherFromBeingMoved) {
  options.on_full = OnFull::reject;
  open();
  const auto held = pass(0, 400, 40);
  const auto segments = queue->stats().segments;
  const auto of_second = std::ranges::find_if(held, [&](const StoredRecord& stored) {
    return stored.position.segment_id != held[0].position.segment_id;
  });
  const auto path = segment_path(1);
  auto bytes = fs.content(path);
  bytes.at(of_second->position.offset + 60) ^= 0x10;
  fs.set_content(path, bytes);
  for (int minutes = 0; minutes < 10; ++minutes) {
    let_it_move();
    clock.advance(std::chrono::minutes(1));
  }
  EXPECT_EQ(fs.content(path), bytes);
  EXPECT_GT(queue->stats().moved_records, held.size() / 2);
  EXPECT_LT(queue->stats().segments, segments / 2);
  expect_conservation();
}

TEST_F(QueueMoveTest, WhatIsDoneDuringAMoveThatCannotEndIsDoneInTheCopyToo) {
  open();
  const auto held = pass(0, 200, 40);
  fs.fail_names("checkpoint");
  let_it_move();
  EXPECT_EQ(queue->stats().moved_records, 0u);
  deliver(held[1]);
  ASSERT_TRUE(queue->sync_journal());
  deliver(held[2]);
  queue->spill(held[3].position);
  fs.fail_names("");
  let_it_move();
  ASSERT_GT(queue->stats().moved_records, 0u);
  EXPECT_EQ(queue->stats().queued_records, 3u);
  queue->rescan({});
  EXPECT_EQ(drain_numbers(), (Numbers{120}));
  expect_conservation();
  reopen();
  EXPECT_EQ(drain_numbers(), (Numbers{0, 120, 160}));
}

TEST_F(QueueMoveTest, AQueueThatIsFullOfLittleMakesRoomAtOnce) {
  options.on_full = OnFull::reject;
  open();
  std::vector<StoredRecord> held;
  std::uint32_t n = 0;
  while (queue->stats().moved_records == 0 && n < 5000) {
    const auto more = pass(n, n + 10, 2);  // half of it is live: only worth it when room is short
    held.insert(held.end(), more.begin(), more.end());
    n += 10;
  }
  EXPECT_GT(queue->stats().moved_records, 0u);
  EXPECT_LE(fs.disk_bytes(), options.max_bytes);
  expect_readable(held);
  expect_conservation();
}

TEST_F(QueueMoveTest, AFullDiskIsNoReasonNotToMove) {
  open();
  const auto held = pass(0, 400, 40);
  fs.set_capacity(fs.disk_bytes());
  let_it_move();
  EXPECT_GT(queue->stats().moved_records, 0u);
  EXPECT_LT(fs.disk_bytes(), 200'000u);
  expect_readable(held);
  expect_conservation();
}

TEST_F(QueueMoveTest, DropOldestGivesUpMovedRecordsFirst) {
  options.on_full = OnFull::drop_oldest;
  open();
  pass(0, 200, 40);
  let_it_move();
  ASSERT_GT(queue->stats().moved_records, 0u);
  must_append(1000, 3000, 1000);
  for (int life = 0; life < 2; ++life) {
    expect_conservation();
    EXPECT_GT(queue->stats().dropped_policy, 5u);
    reopen();
  }
  EXPECT_GT(drain_numbers().front(), 1000u);
}

TEST_F(QueueMoveTest, DamageOfACopyIsCounted) {
  open();
  const auto held = pass(0, 200, 40);
  let_it_move();
  const auto moved = queue->stats().moved_records;
  ASSERT_GT(moved, 0u);
  close();
  for (const auto& name : files(".segment")) {
    auto bytes = fs.content(options.state_dir / "queue" / name);
    const auto spans = bytes.find(std::string(20, 'a'));  // of record 0
    if (bytes[kKindAt] != 1 || spans == std::string::npos) continue;
    bytes[spans] ^= 0x10;
    fs.set_content(options.state_dir / "queue" / name, bytes);
  }
  open();
  EXPECT_EQ(drain_numbers(), (Numbers{40, 80, 120, 160}));
  EXPECT_EQ(queue->stats().damaged, record(0).slice.span_count);
  expect_conservation();
  for (int life = 0; life < 2; ++life) {
    reopen();
    EXPECT_EQ(queue->stats().damaged, record(0).slice.span_count);
    expect_conservation();
  }
}

TEST_F(QueueMoveTest, AVanishedFileOfMovedRecordsIsDamage) {
  open();
  const auto held = pass(0, 200, 40);
  deliver(held[4]);
  let_it_move();
  const auto before = queue->stats();
  ASSERT_GT(before.moved_records, 0u);
  close();
  std::uint64_t removed = 0;
  for (const auto& name : files(".segment")) {
    const auto bytes = fs.content(options.state_dir / "queue" / name);
    if (bytes[kKindAt] != 1) continue;
    ASSERT_TRUE(fs.remove(options.state_dir / "queue" / name));
    ++removed;
  }
  ASSERT_GT(removed, 0u);
  open();
  const auto stats = queue->stats();
  EXPECT_GT(stats.damaged, 0u);
  EXPECT_EQ(stats.damaged + stats.queued_spans, before.queued_spans);
  expect_conservation();
}

// Somebody puts a checkpoint back that is older than the move.
TEST_F(QueueMoveTest, WhatAnOldCheckpointDoesNotNameIsKeptAsideIfItsSourcesAreGone) {
  const auto checkpoint = options.state_dir / "queue" / "checkpoint";
  open();
  const auto old = fs.content(checkpoint);
  pass(0, 200, 40);
  let_it_move();
  ASSERT_GT(queue->stats().moved_records, 0u);
  close();
  const auto segments = files(".segment");
  fs.set_content(checkpoint, old);
  open();
  ASSERT_FALSE(segments.empty());
  for (const auto& name : segments) {
    const auto kept = fs.exists(options.state_dir / "quarantine" / name);
    EXPECT_TRUE(kept && *kept) << name;
  }
  EXPECT_EQ(drain_numbers(), Numbers());
  expect_conservation();
}

TEST_F(QueueMoveTest, WithoutTheCheckpointWhatWasMovedIsKeptOnce) {
  open();
  const auto held = pass(0, 200, 40);
  let_it_move();
  ASSERT_GT(queue->stats().moved_records, 0u);
  close();
  fs.set_content(options.state_dir / "queue" / "checkpoint", "rubbish");
  open();
  EXPECT_EQ(drain_numbers(), numbers_of(held));
  expect_conservation();
  EXPECT_EQ(queue->stats().damaged, 0u);
}

TEST_F(QueueMoveTest, WithoutTheCheckpointACopyIsNoSourceOfOneWhoseOriginsAreAroundItsId) {
  open();
  auto held = pass(0, 200, 8);
  let_it_move();
  const auto more = pass(200, 400, 40);  // too little for the first copy to go with it
  let_it_move();
  held.insert(held.end(), more.begin(), more.end());
  close();
  const auto is_copy = [this](const std::string& name) {
    return fs.content(options.state_dir / "queue" / name)[kKindAt] == 1;
  };
  ASSERT_EQ(std::ranges::count_if(files(".segment"), is_copy), 2);
  fs.set_content(options.state_dir / "queue" / "checkpoint", "rubbish");
  open();
  EXPECT_EQ(drain_numbers(), numbers_of(held));
  expect_conservation();
  EXPECT_EQ(queue->stats().damaged, 0u);
}

}  // namespace
}  // namespace tracelink
