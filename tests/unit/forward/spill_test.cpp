#include "daemon/forward/spill.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_random_source.hpp"
#include "tests/support/fake_source.hpp"
#include "tests/support/queue_harness.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

// A record that was moved lies behind later ones of its trace.
TEST(SpillTest, ARescanBeginsAtThePartThatLiesFirst) {
  FakeClock clock;
  FakeRandomSource random;
  FakeSource source;
  TraceWork work;
  for (std::uint64_t n = 0; n < 6; ++n) {
    source.append(trace_record(1, {TestSpan{.id = n + 1}}, clock.wall()));
    ASSERT_TRUE(source.next());
  }
  for (const std::uint64_t offset : {5u, 2u}) {
    Part part;
    part.position = {1, offset};
    work.parts.push_back(part);
  }
  Spill spill(source, clock, random);
  spill.put_flood(work);
  spill.advance(Backlog{}, {.window_records = 100}, false);
  const auto first = source.next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->position, (Position{1, 2}));
}

// What is left of a flood in memory may be what is refused, and no part of the window.
TEST(SpillTest, AFloodThatIsHeldNowComesBackWhileLittleIsHeld) {
  FakeClock clock;
  FakeRandomSource random;
  FakeSource source;
  TraceWork work;
  work.parts.push_back({.position = source.append(trace_record(1, {TestSpan{}}, clock.wall()))});
  ASSERT_TRUE(source.next());
  Spill spill(source, clock, random);
  spill.put_flood(work);
  TraceWork refused;
  refused.parts.resize(5);
  Backlog backlog;
  backlog.add(std::move(refused));
  const Spill::Room room{.window_records = 16};
  EXPECT_FALSE(spill.has_work(backlog, room));
  backlog.set_held(work.group, true);
  EXPECT_FALSE(spill.has_work(backlog, {.for_held = false, .window_records = 16}));
  ASSERT_TRUE(spill.has_work(backlog, room));
  spill.advance(backlog, room, false);
  EXPECT_TRUE(spill.is_scanning());
  spill.advance(backlog, {.for_held = false, .window_records = 16}, false);
  EXPECT_FALSE(spill.is_scanning());
}

// What is read of a trace behind a part of it that was spilled since does not go before that.
TEST(SpillTest, APartFollowsWhatWasSpilledSinceTheRescanBegan) {
  FakeClock clock;
  FakeRandomSource random;
  FakeSource source;
  TraceWork work;
  work.trace_id = trace_id(1);
  Part part;
  part.position = source.append(trace_record(1, {TestSpan{}}, clock.wall()));
  work.parts.push_back(part);
  ASSERT_TRUE(source.next());
  Spill spill(source, clock, random);
  spill.put_flood(work);
  spill.advance(Backlog{}, {.window_records = 100}, false);
  ASSERT_TRUE(spill.is_scanning());
  EXPECT_FALSE(spill.follows(trace_id(1)));
  const auto back = source.next();
  ASSERT_TRUE(back && *back);
  spill.note_read(**back);
  spill.put_flood(work);
  EXPECT_TRUE(spill.follows(trace_id(1)));
  EXPECT_FALSE(spill.follows(trace_id(2)));
}

// A trace that follows its trace aside (or seems to: the ids are in a filter) is of no flood that
// would bring it back.
class SpillOfOthersTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kSlice = 8'192;

  // The last `count` records, of no scope.
  void spill_others(std::size_t count) {
    TraceWork work;
    for (std::size_t n = 0; n < count; ++n) {
      Part part;
      part.position = source.append(trace_record(1, {TestSpan{.id = n + 1}}, clock.wall()));
      work.parts.push_back(part);
    }
    ASSERT_NO_FATAL_FAILURE(read_all());
    spill.put_held(work, {});
  }
  void read_all() {
    while (true) {
      const auto stored = source.next();
      ASSERT_TRUE(stored);
      if (!*stored) break;
      clock.advance(cost_of_reading);
      spill.note_read(**stored);
      if ((*stored)->again) spill.note_back({});
    }
    spill.note_end();
  }
  bool begins_again() {
    spill.advance(Backlog{}, {.window_records = 2 * kSlice}, false);
    return spill.is_scanning();
  }

  FakeClock clock;
  FakeRandomSource random;
  FakeSource source;
  std::chrono::milliseconds cost_of_reading{0};
  Spill spill{source, clock, random};
};

TEST_F(SpillOfOthersTest, TheyComeBackASecondAfterTheLastGeneralRescan) {
  for (const std::size_t count : {std::size_t{1}, 3 * kSlice}) {
    spill_others(count);
    clock.advance(std::chrono::milliseconds(999));
    EXPECT_EQ(begins_again(), count == 1) << "no other was before it";
    clock.advance(std::chrono::milliseconds(1));
    ASSERT_TRUE(begins_again());
    read_all();
    ASSERT_TRUE(spill.empty());
  }
}

TEST_F(SpillOfOthersTest, GeneralRescansTakeATenthOfTheTime) {
  cost_of_reading = std::chrono::milliseconds(1);
  spill_others(10'000);
  ASSERT_TRUE(begins_again());
  read_all();
  ASSERT_TRUE(spill.empty());
  cost_of_reading = {};
  spill_others(1);
  clock.advance(std::chrono::milliseconds(89'999));
  EXPECT_FALSE(begins_again());
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(begins_again());
}

TEST_F(SpillOfOthersTest, WaitingForRoomIsNoReading) {
  spill_others(2 * kSlice);
  ASSERT_TRUE(begins_again());
  spill.advance(Backlog{}, {.window = false}, false);
  ASSERT_FALSE(spill.is_scanning());
  read_all();  // what is new
  clock.advance(std::chrono::minutes(10));
  ASSERT_TRUE(begins_again());
  read_all();
  ASSERT_TRUE(spill.empty());
  spill_others(1);
  clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(begins_again());
}

// Records of files that cannot be read, for a while.
class SpillUnreadableTest : public ::testing::Test {
 protected:
  TraceWork accept(std::uint64_t trace) {
    Part part;
    part.position = source.append(trace_record(trace, {TestSpan{.id = trace}}, clock.wall()));
    TraceWork work;
    work.trace_id = trace_id(trace);
    work.parts.push_back(part);
    return work;
  }
  static Position position(const TraceWork& work) { return work.parts.front().position; }
  // What reading gives until nothing is left.
  std::vector<Position> read_all() {
    std::vector<Position> all;
    while (true) {
      const auto stored = source.next();
      if (!stored || !*stored) break;
      spill.note_read(**stored);
      if ((*stored)->again) spill.note_back({});
      all.push_back((*stored)->position);
    }
    spill.note_end();
    return all;
  }
  bool begins_again() {
    spill.advance(Backlog{}, {.window_records = 100}, false);
    return spill.is_scanning();
  }

  FakeClock clock;
  FakeRandomSource random;
  FakeSource source;
  Spill spill{source, clock, random};
};

TEST_F(SpillUnreadableTest, WhatARescanCouldNotReadComesWithALaterOne) {
  for (const bool held : {false, true}) {
    const TraceWork work = accept(held ? 1 : 2);
    read_all();
    held ? spill.put_held(work, scope_key(FailureScope::link, work.group)) : spill.put_flood(work);
    source.hide(position(work), true);
    for (int n = 0; n < 3; ++n) {
      clock.advance(std::chrono::minutes(1));
      ASSERT_TRUE(begins_again()) << n;
      EXPECT_TRUE(read_all().empty());
      EXPECT_FALSE(spill.empty());
      EXPECT_EQ(spill.records(), 1u);
      EXPECT_TRUE(spill.keeps(work)) << "later parts follow it";
    }
    source.hide(position(work), false);
    clock.advance(std::chrono::minutes(1));
    ASSERT_TRUE(begins_again());
    EXPECT_EQ(read_all(), std::vector{position(work)});
    EXPECT_TRUE(spill.empty());
    EXPECT_FALSE(spill.keeps(work));
  }
}

TEST_F(SpillUnreadableTest, WhatASliceCouldNotReadIsNotForgottenByTheNext) {
  const TraceWork first = accept(1);
  const TraceWork second = accept(2);
  read_all();
  spill.put_held(first, {});
  spill.put_held(second, {});
  source.hide(position(first), true);
  ASSERT_TRUE(begins_again());
  const auto stored = source.next();
  ASSERT_TRUE(stored && *stored);
  spill.note_read(**stored);
  spill.note_back({});
  spill.advance(Backlog{}, {.window = false}, false);
  ASSERT_FALSE(spill.is_scanning());
  EXPECT_TRUE(read_all().empty());  // nothing is new
  source.hide(position(first), false);
  ASSERT_TRUE(begins_again()) << "goes on behind both";
  EXPECT_TRUE(read_all().empty());
  clock.advance(std::chrono::minutes(1));
  ASSERT_TRUE(begins_again());
  EXPECT_EQ(read_all(), std::vector{position(first)});
  EXPECT_TRUE(spill.empty());
}

TEST_F(SpillUnreadableTest, WhatComesLateForTheFirstTimeDoesNotEndARescan) {
  const TraceWork first = accept(1);
  const TraceWork late = accept(2);
  const TraceWork last = accept(3);
  source.hide(position(late), true);
  read_all();
  spill.put_flood(first);
  spill.put_flood(last);
  source.hide(position(late), false);
  ASSERT_TRUE(begins_again());
  for (const TraceWork* work : {&late, &first, &last}) {
    const auto stored = source.next();
    ASSERT_TRUE(stored && *stored);
    EXPECT_EQ((*stored)->position, position(*work));
    spill.note_read(**stored);
    EXPECT_TRUE(spill.is_scanning());
  }
  accept(4);
  spill.note_read(**source.next());
  EXPECT_FALSE(spill.is_scanning());
}

// The real queue, and a read that fails once.
class SpillQueueTest : public ::testing::Test, protected QueueHarness {};

TEST_F(SpillQueueTest, WhicheverReadFailsEverythingComesBack) {
  options.segment_bytes = 4u << 10;
  open();
  must_append(0, 60, 200);
  auto all = drain();
  ASSERT_GE(files(".segment").size(), 3u);
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("read " + std::to_string(n));
    Spill spill(*queue, clock, random);
    for (const StoredRecord& stored : all) {
      TraceWork work;
      work.trace_id = stored.record.slice.trace_id;
      work.parts.push_back({.position = stored.position});
      spill.put_flood(work);
    }
    fs.fail_reads("queue/", n, 1);
    std::vector<StoredRecord> again;
    for (int round = 0; round < 10; ++round) {
      spill.advance(Backlog{}, {.window_records = 1'000}, false);
      for (const StoredRecord& stored : drain()) {
        // As a trace of it that is sent meanwhile: the file is known to be readable then.
        (void)queue->read(stored.position).has_value();
        spill.note_read(stored);
        if (stored.again) spill.note_back({});
        again.push_back(stored);
      }
      spill.note_end();
      clock.advance(std::chrono::seconds(30));
    }
    const bool fired = fs.fired();
    fs.heal();
    EXPECT_TRUE(spill.empty());
    ASSERT_EQ(again.size(), all.size());
    if (!fired) break;
  }
}

}  // namespace
}  // namespace tracelink
