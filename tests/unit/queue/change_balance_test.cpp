#include <string>

#include <gtest/gtest.h>

#include "daemon/queue/checkpoint.hpp"
#include "daemon/queue/record_format.hpp"
#include "tests/support/queue_harness.hpp"

// Changes of traces are counted as spans are: durably, each in one term.
namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

constexpr std::size_t kKindAt = 59;  // in a segment's header

struct ChangeBalanceTest : testing::Test, QueueHarness {
  Totals changes() const { return queue->stats().changes; }
  void append_changes(std::uint32_t from, std::uint32_t to) {
    for (auto n = from; n < to; ++n) ASSERT_TRUE(append(change(n)));
  }
  // In segments that are mostly done.
  void use_small_segments() {
    options.max_bytes = 1u << 20;
    options.segment_bytes = 32u << 10;
  }
  // Spans go through, and the writer looks for something to move.
  void let_it_move() {
    must_append(100, 300, 1000);
    deliver_spans();
    clock.advance(std::chrono::seconds(11));
    must_append(9000, 9003);
    deliver_spans();
    ASSERT_GT(queue->stats().moved_records, 0u);
  }
  void deliver_spans() {
    for (const auto& stored : drain()) {
      if (stored.record.slice.change.empty()) deliver(stored);
    }
  }
  std::filesystem::path in_queue(const std::string& name) const {
    return options.state_dir / "queue" / name;
  }
};

TEST_F(ChangeBalanceTest, EachEndIsATermThatOutlivesItsSegment) {
  open();
  append_changes(0, 5);
  must_append(5, 6);
  const auto all = drain();
  queue->complete({.position = all[0].position, .delivered = 1});
  queue->complete({.position = all[1].position, .dead_lettered = 1});
  queue->complete({.position = all[2].position, .duplicate = 1});
  const Totals expected{.accepted = 5, .delivered = 1, .dead_lettered = 1, .duplicate = 1};
  EXPECT_EQ(changes(), expected);
  EXPECT_EQ(changes().queued(), 2u);
  ASSERT_TRUE(queue->sync_journal());
  crash(Crash::lose_unsynced);  // no footer: the records tell
  for (int life = 0; life < 3; ++life) {
    open();
    EXPECT_EQ(changes(), expected) << life;
    EXPECT_EQ(queue->stats().accepted, record(5).slice.span_count);
    expect_conservation();
    close();
  }
  open();
  for (const auto& stored : drain()) deliver(stored);
  reopen();
  EXPECT_TRUE(files(".segment").empty());
  EXPECT_EQ(changes().delivered, 3u);
  EXPECT_EQ(changes().queued(), 0u);
  EXPECT_EQ(queue->stats().delivered, record(5).slice.span_count);
  expect_conservation();
}

TEST_F(ChangeBalanceTest, ARestartKnowsThemByTheFooter) {
  open();
  append_changes(0, 3);
  queue->complete({.position = drain().at(0).position, .dead_lettered = 1});
  ASSERT_TRUE(append_replayed(change(0)));
  for (int life = 0; life < 2; ++life) {
    reopen();
    EXPECT_EQ(changes(), (Totals{.accepted = 3, .replayed = 1}));
    EXPECT_EQ(changes().queued(), 3u);
  }
}

TEST_F(ChangeBalanceTest, ARemovedDeadLetterIsDropped) {
  open();
  append_changes(0, 2);
  for (const auto& stored : drain()) {
    queue->complete({.position = stored.position, .dead_lettered = 1});
  }
  ASSERT_TRUE(queue->sync_journal());
  ASSERT_TRUE(queue->count_removed_dead_letters(0, 1));
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(changes(), (Totals{.accepted = 2, .dead_lettered = 1, .dropped_removed = 1}));
    crash(Crash::lose_unsynced);
    open();
  }
}

TEST_F(ChangeBalanceTest, WhatWasDeliveredOfAVanishedSegmentIsNoDamage) {
  open();
  append_changes(0, 3);
  deliver(drain().at(1));
  reopen();
  append_changes(3, 4);
  close();
  fs.remove_entry(in_queue(files(".segment").at(0)));
  for (int life = 0; life < 2; ++life) {
    open();
    EXPECT_EQ(changes(), (Totals{.accepted = 4, .delivered = 1, .damaged = 2}));
    EXPECT_EQ(drain().size(), 1u);
    close();
  }
}

TEST_F(ChangeBalanceTest, DropOldestDropsThemToo) {
  use_small_segments();
  options.on_full = OnFull::drop_oldest;
  open();
  append_changes(0, 7);
  must_append(100, 1500, 1000);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(changes(), (Totals{.accepted = 7, .dropped_policy = 7}));
    expect_conservation();
    reopen();
  }
}

TEST_F(ChangeBalanceTest, AreCountedOnceWhereverTheyAreMoved) {
  use_small_segments();
  open();
  append_changes(0, 4);
  let_it_move();
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(changes(), (Totals{.accepted = 4})) << life;
    expect_conservation();
    reopen();
  }
  const auto all = drain();
  ASSERT_EQ(all.size(), 4u);
  deliver(all[0]);
  crash(Crash::keep_all);
  for (const auto& name : files(".segment")) {
    if (fs.content(in_queue(name))[kKindAt] == 1) {
      ASSERT_TRUE(fs.remove(in_queue(name)));
    }
  }
  for (int life = 0; life < 2; ++life) {
    open();
    EXPECT_EQ(changes().damaged + changes().delivered, 4u) << life;
    EXPECT_EQ(changes().accepted, 4u);
    expect_conservation();
    close();
  }
}

TEST_F(ChangeBalanceTest, TheCopiesThatAFileLostAreDamaged) {
  use_small_segments();
  open();
  append_changes(0, 4);
  let_it_move();
  close();
  for (const auto& name : files(".segment")) {
    auto bytes = fs.content(in_queue(name));
    if (bytes[kKindAt] != 1) continue;
    const auto third = bytes.find(change(2).slice.change.substr(0, 20));
    ASSERT_NE(third, std::string::npos);
    bytes.resize(third);
    fs.set_content(in_queue(name), bytes);
  }
  options.on_full = OnFull::drop_oldest;
  open();
  EXPECT_EQ(changes(), (Totals{.accepted = 4, .damaged = 2}));
  EXPECT_EQ(drain().size(), 2u);
  expect_conservation();
  must_append(1000, 2400, 1000);  // no room for the two that are left
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(changes(), (Totals{.accepted = 4, .dropped_policy = 2, .damaged = 2})) << life;
    expect_conservation();
    reopen();
  }
}

TEST_F(ChangeBalanceTest, WhatWasMovedIsCountedOnceWithoutTheCheckpoint) {
  use_small_segments();
  open();
  append_changes(0, 4);
  let_it_move();
  close();
  fs.set_content(in_queue("checkpoint"), "rubbish");
  for (int life = 0; life < 2; ++life) {
    open();
    EXPECT_EQ(changes(), (Totals{.accepted = 4}));
    EXPECT_EQ(queue->stats().unaccounted_changes, 0u);
    expect_conservation();
    close();
  }
}

// `first_change` has 32 bits.
TEST_F(ChangeBalanceTest, LossesAreExactBeyond32Bits) {
  const std::uint64_t before = (std::uint64_t{1} << 32) - 2;
  Checkpoint checkpoint;
  checkpoint.retired.changes = {.accepted = before, .delivered = before};
  fs.set_content(in_queue("checkpoint"), encode_checkpoint(checkpoint));
  for (std::uint32_t n = 0; n < 8; n += 2) {
    open();
    append_changes(n, n + 2);
    close();
  }
  fs.remove_entry(in_queue(files(".segment").at(1)));
  for (int life = 0; life < 2; ++life) {
    open();
    EXPECT_EQ(changes(), (Totals{.accepted = before + 8, .delivered = before, .damaged = 2}));
    EXPECT_EQ(drain().size(), 6u);
    expect_conservation();
    close();
  }
}

// A segment of version 4 with a change, and spans that make it worth moving it.
TEST_F(ChangeBalanceTest, AChangeOfAnEarlierVersionIsInNoTermWhereverItIsMoved) {
  use_small_segments();
  const SegmentHeader header{
      .version = 4, .segment_id = 1, .first_sequence = 1, .secret = 0x0123456789abcdef};
  std::string bytes = encode_segment_header(header);
  RecordHeader next{.sequence = 1, .durable_end = header.key().first_record()};
  for (std::uint32_t n = 0; n < 30; ++n) {
    const Record stored = n == 0 ? change(n) : record(n, 1000);
    std::string envelope;
    append_envelope(envelope, stored);
    next.type = type_of(stored);
    next.spans = stored.slice.span_count;
    append_record_head(bytes, next, envelope, payload_of(stored), header.key(), bytes.size());
    bytes += payload_of(stored);
    bytes.append(record_padding(envelope.size() + payload_of(stored).size()), '\0');
    ++next.sequence;
    next.spans_before += next.spans;
  }
  fs.set_content(in_queue("0000000000000001.segment"), bytes);
  fs.set_content(in_queue("checkpoint"), encode_checkpoint({}));
  open();
  let_it_move();
  EXPECT_EQ(changes(), Totals{});
  for (int life = 0; life < 2; ++life) {
    reopen();
    EXPECT_EQ(changes(), Totals{});
    EXPECT_EQ(queue->stats().queued_records, 1u);
  }
  for (const auto& stored : drain()) deliver(stored);
  reopen();
  EXPECT_EQ(changes(), Totals{});
  EXPECT_EQ(queue->stats().queued_records, 0u);
  expect_conservation();
}

}  // namespace
}  // namespace tracelink
