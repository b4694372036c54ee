#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/queue_harness.hpp"

namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

// One life of a busy queue on a disk that misbehaves, and what must be true after it.
class Scenario : public QueueHarness {
 public:
  Scenario() {
    item = mixed;
    options.max_bytes = 1u << 20;
    options.segment_bytes = 2048;
  }

  // Two lives without faults before: closed segments, a journal, a checkpoint, notes.
  void prepare() {
    open();
    append_and_remember(0, 30);
    deliver_some();
    reopen();
  }

  // Appends and deliveries over several segments; failures are allowed everywhere.
  void work() {
    append_and_remember(100, 130);
    deliver_some();
    (void)queue->sync_journal().has_value();
    append_and_remember(130, 140);
    deliver_some();
    close();
    if (try_open()) append_and_remember(140, 145);
    close();
  }

  // After the disk is sound again: every acknowledged record was delivered or is read once,
  // unchanged; nothing that was refused is there; the sums are right.
  void verify(bool journal_may_be_lost) {
    open();
    std::multiset<std::uint32_t> read;
    for (const auto& stored : drain()) {
      const auto n = number(stored.record);
      EXPECT_EQ(stored.record, item(n, 100));
      EXPECT_FALSE(refused_.contains(n)) << n << " was refused";
      if (!journal_may_be_lost) {
        EXPECT_FALSE(delivered_.contains(n)) << n;
      }
      read.insert(n);
      deliver(stored);
    }
    for (const auto n : acknowledged_) {
      EXPECT_LE(read.count(n), 1u) << n;
      if (!delivered_.contains(n)) {
        EXPECT_EQ(read.count(n), 1u) << n << " is lost";
      }
    }
    EXPECT_EQ(damage_reports, 0);
    const auto stats = queue->stats();
    EXPECT_EQ(stats.damaged, 0u);
    EXPECT_EQ(stats.changes.damaged, 0u);
    EXPECT_EQ(stats.queued_spans, 0u);
    EXPECT_EQ(stats.changes.queued(), 0u);
    EXPECT_EQ(stats.queued_records, 0u);
    expect_conservation();
    EXPECT_GE(stats.accepted, spans(acknowledged_));
    EXPECT_LE(stats.accepted, spans(acknowledged_) + spans(unknown_));
    EXPECT_GE(stats.changes.accepted, changes(acknowledged_));
    EXPECT_LE(stats.changes.accepted, changes(acknowledged_) + changes(unknown_));
    reopen();
    EXPECT_EQ(queue->stats().delivered, stats.accepted);
    EXPECT_EQ(queue->stats().changes.delivered, stats.changes.accepted);
    EXPECT_TRUE(files(".segment").empty());
    close();
  }
  // From here on an error answer may still have left its record behind.
  void power_fails() { refusals_are_final_ = false; }

 private:
  static std::uint64_t spans(const std::set<std::uint32_t>& all) {
    std::uint64_t sum = 0;
    for (const auto n : all) sum += mixed(n).slice.span_count;
    return sum;
  }
  static std::uint64_t changes(const std::set<std::uint32_t>& all) {
    std::uint64_t sum = 0;
    for (const auto n : all) sum += changes_of(mixed(n));
    return sum;
  }
  void append_and_remember(std::uint32_t from, std::uint32_t to) {
    for (auto n = from; n < to; n += 2) {
      const bool kept = append({item(n, 100), item(n + 1, 100)}).has_value();
      auto& fate = kept ? acknowledged_ : refusals_are_final_ ? refused_ : unknown_;
      fate.insert({n, n + 1});
    }
  }
  void deliver_some() {
    for (const auto& stored : drain()) {
      const auto n = number(stored.record);
      if (n % 40 >= 20 && n % 3 == 0) continue;  // some segments are done, others partly
      deliver(stored);
      delivered_.insert(n);
    }
    (void)queue->note({note(1)}).has_value();
  }

  std::set<std::uint32_t> acknowledged_, refused_, unknown_, delivered_;
  bool refusals_are_final_ = true;
};

TEST(QueueFault, NoSingleFailedOperationLosesOrRepeatsAnAcknowledgedRecord) {
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    Scenario scenario;
    scenario.prepare();
    scenario.fs.fail_operation(n);
    scenario.work();
    const bool fired = scenario.fs.fired();
    scenario.damage_reports = 0;
    scenario.fs.crash(Crash::keep_all);
    scenario.verify(false);
    if (!fired || testing::Test::HasFailure()) break;
  }
}

TEST(QueueFault, AFailureFollowedByAPowerCutLosesNothingAcknowledged) {
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    Scenario scenario;
    scenario.prepare();
    scenario.fs.fail_operation(n);
    scenario.work();
    const bool fired = scenario.fs.fired();
    scenario.damage_reports = 0;
    scenario.fs.crash(Crash::lose_unsynced);
    scenario.verify(true);
    if (!fired || testing::Test::HasFailure()) break;
  }
}

void lose_power_everywhere(Crash how) {
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    Scenario scenario;
    scenario.prepare();
    scenario.power_fails();
    scenario.fs.lose_power_at(n);
    scenario.work();
    const bool fired = scenario.fs.fired();
    scenario.damage_reports = 0;
    scenario.fs.crash(how, static_cast<std::uint32_t>(n));
    scenario.verify(true);
    if (!fired || testing::Test::HasFailure()) break;
  }
}

TEST(QueueCrash, WhatRecoveryGaveOutOnceIsNotLostInTheNextPowerCut) {
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    QueueHarness queue;
    queue.open();
    queue.must_append(0, 2);
    queue.fs.lose_power_at(n);
    for (std::uint32_t i = 2; i < 6; ++i) (void)queue.append(QueueHarness::record(i)).has_value();
    const bool fired = queue.fs.fired();
    queue.crash(Crash::keep_all);
    queue.open();
    const auto first = queue.drain_numbers();
    queue.crash(Crash::lose_unsynced);
    queue.open();
    EXPECT_EQ(queue.drain_numbers(), first);
    if (!fired || testing::Test::HasFailure()) break;
  }
}

TEST(QueueCrash, LosesNothingAcknowledgedWhenUnsyncedStateIsLost) {
  lose_power_everywhere(Crash::lose_unsynced);
}

TEST(QueueCrash, LosesNothingAcknowledgedWhenUnsyncedStateIsTorn) {
  lose_power_everywhere(Crash::keep_some);
}

TEST(QueueCrash, LosesNothingAcknowledgedWhenOnlyTheProcessDies) {
  lose_power_everywhere(Crash::keep_all);
}

}  // namespace
}  // namespace tracelink
