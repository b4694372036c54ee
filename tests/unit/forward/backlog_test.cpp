#include "daemon/forward/backlog.hpp"

#include <chrono>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using std::chrono::seconds;

class BacklogTest : public ::testing::Test {
 protected:
  struct Options {
    char link = 'a';
    std::string experiment{};
    std::uint64_t bytes = 10;
    std::uint64_t split_group = 0;
    seconds wait{0};
    int failures = 0;
    int unclear = 0;  // answers
  };
  void add(std::uint64_t sequence, Options options) {
    TraceWork work;
    work.trace_id = trace_id(sequence);
    work.sequence = sequence;
    work.group = {link_of(options.link), options.experiment};
    work.parts.resize(2);
    work.bytes = options.bytes;
    work.split_group = options.split_group;
    work.not_before = clock.steady() + options.wait;
    work.failures = options.failures;
    work.suspicion.failures = options.unclear;
    work.accepted = clock.steady();
    backlog.add(std::move(work));
    backlog.wake(clock.steady());
  }
  void add(std::uint64_t sequence) { add(sequence, Options{}); }
  std::vector<std::uint64_t> batch(Backlog::Limits limits = {.max_traces = 50, .max_bytes = 1000}) {
    std::vector<std::uint64_t> sequences;
    for (const TraceWork& work : backlog.take_batch(kGroup, limits)) {
      sequences.push_back(work.sequence);
    }
    return sequences;
  }

  using Sequences = std::vector<std::uint64_t>;
  const GroupKey kGroup{link_of('a'), ""};
  FakeClock clock;
  Backlog backlog;
};

TEST_F(BacklogTest, GivesTheOldestFirstWhateverTheOrderOfArrival) {
  for (const std::uint64_t n : {3u, 1u, 2u}) add(n);
  EXPECT_EQ(batch(), (Sequences{1, 2, 3}));
  EXPECT_EQ(backlog.traces(), 0u);
  EXPECT_EQ(backlog.records(), 0u);
}

TEST_F(BacklogTest, ABatchIsBoundedInTraces) {
  for (const std::uint64_t n : {1u, 2u, 3u}) add(n);
  EXPECT_EQ(batch({.max_traces = 2, .max_bytes = 1000}), (Sequences{1, 2}));
  EXPECT_EQ(backlog.records(), 2u);
}

TEST_F(BacklogTest, ABatchIsBoundedInBytes) {
  for (const std::uint64_t n : {1u, 2u, 3u}) add(n, {.bytes = 40});
  EXPECT_EQ(batch({.max_traces = 50, .max_bytes = 80}), (Sequences{1, 2}));
}

TEST_F(BacklogTest, ATraceOverTheBytesGoesAlone) {
  add(1, {.bytes = 500});
  add(2);
  EXPECT_EQ(batch({.max_traces = 50, .max_bytes = 80}), (Sequences{1}));
  EXPECT_EQ(batch({.max_traces = 50, .max_bytes = 80}), (Sequences{2}));
}

TEST_F(BacklogTest, TracesOfOneRefusalStayTogether) {
  add(1, {.split_group = 7});
  add(2);
  add(3, {.split_group = 7});
  add(4);
  EXPECT_EQ(batch(), (Sequences{1, 3}));
  EXPECT_EQ(batch(), (Sequences{2, 4}));
}

TEST_F(BacklogTest, WhatIsNotDueIsPassedOver) {
  add(1, {.wait = seconds(5)});
  add(2);
  EXPECT_EQ(batch(), (Sequences{2}));
  EXPECT_FALSE(backlog.has_due(kGroup));
  EXPECT_EQ(backlog.next_due(), clock.steady() + seconds(5));
  clock.advance(seconds(5));
  backlog.wake(clock.steady());
  EXPECT_FALSE(backlog.next_due());
  EXPECT_EQ(batch(), (Sequences{1}));
}

TEST_F(BacklogTest, GroupsWakeUpOnceInTheOrderOfTheirFirstDueTrace) {
  add(1, {.link = 'c', .wait = seconds(5)});
  add(2, {.link = 'b'});
  add(3, {.link = 'a', .experiment = "7"});
  add(4, {.link = 'b'});
  using Groups = std::vector<GroupKey>;
  EXPECT_EQ(backlog.take_awakened(), (Groups{{link_of('b'), ""}, {link_of('a'), "7"}}));
  clock.advance(seconds(5));
  backlog.wake(clock.steady());
  EXPECT_EQ(backlog.take_awakened(), (Groups{{link_of('c'), ""}}));
  EXPECT_TRUE(backlog.take_awakened().empty());
}

TEST_F(BacklogTest, CountsWhatEachScopeHas) {
  add(1);
  add(2, {.link = 'b', .experiment = "7"});
  add(3, {.link = 'a', .experiment = "7"});
  add(4, {.experiment = "8", .wait = seconds(5)});
  EXPECT_EQ(backlog.traces_in({FailureScope::link, link_of('a'), {}}), 3u);
  EXPECT_EQ(backlog.traces_in({FailureScope::experiment, {}, "7"}), 2u);
  EXPECT_EQ(backlog.traces_in({}), 4u);
  EXPECT_EQ(backlog.groups_in({FailureScope::experiment, {}, "7"}).size(), 2u);
  EXPECT_EQ(batch(), (Sequences{1}));
  EXPECT_EQ(backlog.traces_in({FailureScope::link, link_of('a'), {}}), 2u);
  EXPECT_EQ(backlog.traces_in({FailureScope::experiment, {}, "9"}), 0u);
}

TEST_F(BacklogTest, CountsHeldRecordsAsTheyComeAndGo) {
  add(1);
  add(2, {.link = 'b'});
  EXPECT_EQ(backlog.held_records(), 0u);
  backlog.set_held(kGroup, true);
  add(3);
  add(4, {.wait = seconds(5)});
  EXPECT_EQ(backlog.held_records(), 6u);
  EXPECT_EQ(backlog.due_traces_not_held(), 1u);
  EXPECT_EQ(batch(), (Sequences{1, 3}));
  EXPECT_EQ(backlog.held_records(), 2u);
  backlog.set_held(kGroup, false);
  EXPECT_EQ(backlog.held_records(), 0u);
  EXPECT_EQ(backlog.due_traces_not_held(), 1u);
}

TEST_F(BacklogTest, TakesWhatWasAcceptedBefore) {
  add(1);
  add(2, {.wait = seconds(100)});
  clock.advance(seconds(10));
  add(3);
  EXPECT_EQ(backlog.take_accepted_before(kGroup, clock.steady(), 1).front().sequence, 1u);
  EXPECT_EQ(backlog.take_accepted_before(kGroup, clock.steady(), 5).size(), 1u);
  EXPECT_EQ(backlog.traces(), 1u);
}

TEST_F(BacklogTest, LinksAndExperimentsDoNotMix) {
  add(1);
  add(2, {.link = 'b'});
  add(3, {.experiment = "7"});
  EXPECT_EQ(batch(), (Sequences{1}));
  EXPECT_EQ(backlog.traces(), 2u);
}

TEST_F(BacklogTest, TheProbeIsTheNewestOfTheTracesThatFailedLeast) {
  add(1, {.failures = 4});
  add(2, {.wait = seconds(5)});
  add(3, {.failures = 1});
  add(4, {.failures = 1});
  EXPECT_EQ(backlog.take_probe(kGroup)->sequence, 4u);
  EXPECT_EQ(backlog.take_probe(kGroup)->sequence, 3u);
  EXPECT_EQ(backlog.take_probe(kGroup)->sequence, 1u);
  EXPECT_FALSE(backlog.take_probe(kGroup));
}

TEST_F(BacklogTest, TheProbeIsFoundBehindAnyNumberOfTracesThatFailed) {
  for (std::uint64_t n = 1; n <= 200; ++n) add(n, {.failures = 1});
  add(201);
  for (std::uint64_t n = 202; n <= 400; ++n) add(n, {.failures = 1});
  EXPECT_EQ(backlog.take_probe(kGroup)->sequence, 201u);
}

TEST_F(BacklogTest, TakesWhatIsWantedOfAGroup) {
  add(1);
  add(2, {.link = 'b'});
  add(3);
  add(4);
  const auto odd = [](const TraceWork& work) { return work.sequence % 2 == 1; };
  EXPECT_EQ(backlog.take_if(kGroup, odd, 10).size(), 2u);
  EXPECT_EQ(backlog.traces(), 2u);
  EXPECT_EQ(backlog.moving_records_of(kGroup), 2u);
}

TEST_F(BacklogTest, TakesTheNewestOfTheLargestGroupsAndLeavesTheirOldest) {
  for (std::uint64_t sequence = 1; sequence <= 6; ++sequence) add(sequence, {.link = 'b'});
  for (std::uint64_t sequence = 7; sequence <= 8; ++sequence) add(sequence, {.link = 'c'});
  for (std::uint64_t sequence = 9; sequence <= 16; ++sequence) add(sequence);
  backlog.set_held(kGroup, true);
  const auto sequences = [](const std::vector<TraceWork>& works) {
    std::vector<std::uint64_t> found;
    for (const TraceWork& work : works) found.push_back(work.sequence);
    return found;
  };
  EXPECT_EQ(sequences(backlog.take_newest(false, 3)), (Sequences{6, 5}));
  EXPECT_EQ(sequences(backlog.take_newest(false, 100)), (Sequences{4, 3, 8}));
  EXPECT_EQ(sequences(backlog.take_newest(true, 3)), (Sequences{16, 15}));
  EXPECT_EQ(backlog.records(), 18u);
}

TEST_F(BacklogTest, WhatIsUnclearAgainAndAgainHasAWindowOfItsOwn) {
  add(1);
  add(2, {.split_group = 3, .unclear = 3});
  add(3, {.unclear = 4});
  add(4, {.failures = 5});
  EXPECT_EQ(backlog.held_records(), 4u);
  EXPECT_EQ(backlog.moving_records_of(kGroup), 4u);
  EXPECT_EQ(backlog.take_newest(true, 2).front().sequence, 3u);
  EXPECT_EQ(backlog.take_newest(true, 2).front().sequence, 2u);
  EXPECT_TRUE(backlog.take_newest(true, 2).empty());
  EXPECT_EQ(backlog.take_newest(false, 2).front().sequence, 4u);
  EXPECT_EQ(backlog.held_records(), 0u);
}

TEST_F(BacklogTest, AGroupLosesItsLastTraceOnlyWhenNoOtherCanGiveOne) {
  add(1, {.link = 'b'});
  EXPECT_TRUE(backlog.take_newest(false, 5).empty());
  add(2, {.link = 'c'});
  add(3, {.link = 'c'});
  EXPECT_EQ(backlog.take_newest(false, 5).size(), 1u);
  EXPECT_EQ(backlog.take_newest(false, 5).size(), 2u);
}

TEST_F(BacklogTest, WhatIsUnderSearchIsNotTakenAsTheNewest) {
  add(1);
  add(2, {.split_group = 3});
  const auto taken = backlog.take_newest(false, 2);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken.front().sequence, 1u);
}

TEST_F(BacklogTest, AnUnknownGroupHasNothing) {
  EXPECT_TRUE(batch().empty());
  EXPECT_FALSE(backlog.take_probe(kGroup));
}

TEST_F(BacklogTest, CountsWhatMayGoSoon) {
  add(1);
  add(2, {.failures = 2});
  add(3, {.failures = 3});
  add(4, {.experiment = "7"});
  EXPECT_EQ(backlog.traces_soon(), 3u) << "without the one that fails again and again";
  const ScopeKey experiment = scope_key(FailureScope::experiment, {link_of('a'), "7"});
  const ScopeKey link = scope_key(FailureScope::link, kGroup);
  backlog.set_stalled(experiment, true);
  EXPECT_EQ(backlog.traces_soon(), 2u);
  backlog.set_stalled(link, true);
  EXPECT_EQ(backlog.traces_soon(), 0u);
  backlog.set_stalled(link, false);
  EXPECT_EQ(backlog.traces_soon(), 2u);
  EXPECT_EQ(batch().size(), 3u);
  EXPECT_EQ(backlog.traces_soon(), 0u);
  backlog.set_stalled(experiment, false);
  EXPECT_EQ(backlog.traces_soon(), 1u);
}

TEST_F(BacklogTest, AScopeStaysStalledWhileNothingOfItIsHere) {
  const GroupKey group{link_of('a'), "7"};
  const ScopeKey experiment = scope_key(FailureScope::experiment, group);
  backlog.set_stalled(experiment, true);
  add(1, {.experiment = "7"});
  EXPECT_TRUE(backlog.take_probe(group));
  add(1, {.experiment = "7"});
  EXPECT_EQ(backlog.traces_soon(), 0u);
  backlog.set_stalled(experiment, false);
  EXPECT_EQ(backlog.traces_soon(), 1u);
}

TEST_F(BacklogTest, AStalledScopeUsesNoLinkByItself) {
  backlog.set_stalled(scope_key(FailureScope::link, kGroup), true);
  LinkSet in_use;
  backlog.add_links(in_use);
  EXPECT_TRUE(in_use.empty());
}

}  // namespace
}  // namespace tracelink
