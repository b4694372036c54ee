#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/queue_harness.hpp"

namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

// Live records are moved twice, and some are done, set aside or read meanwhile, on a disk that
// misbehaves.
class Scenario : public QueueHarness {
 public:
  Scenario() {
    item = mixed;
    options.max_bytes = 256u << 10;
    options.segment_bytes = 16u << 10;
  }

  void prepare() {
    open();
    must_append(0, 150, 400);
    for (const auto& stored : drain()) {
      if (number(stored.record) % 6 == 0) {
        take(stored);
      } else {
        done(number(stored.record), stored.position);
      }
    }
    ASSERT_TRUE(queue->sync_journal());
  }

  // Failures are allowed everywhere.
  void work() {
    let_it_move();
    finish(12);
    (void)queue->sync_journal().has_value();
    for (std::uint32_t n = 0; n < 100; n += 6) {
      if (n % 36 != 0) finish(n);  // little is left of what was moved
    }
    let_it_move();
    finish(108);
    queue->spill(held_.at(36));
    given_.erase(36);
    let_it_move();
    queue->rescan({});
    for (const auto& stored : drain()) take(stored);
    (void)queue->sync_journal().has_value();
    close();
    given_.clear();
    if (!try_open()) return;
    for (const auto& stored : drain()) take(stored);
    let_it_move();
    finish(120);
    let_it_move();
    close();
  }
  std::uint64_t moved() const { return moved_; }

  // After the disk is sound again: what is live is read once, with its first name, in order.
  void verify(bool journal_may_be_lost) {
    open();
    std::set<std::uint32_t> read;
    std::uint32_t last = 0;
    for (const auto& stored : drain()) {
      const auto n = number(stored.record);
      EXPECT_EQ(stored.record, item(n, n < 1000 ? 400 : 40));
      EXPECT_TRUE(read.insert(n).second) << n << " twice";
      if (n < 1000 && names_.contains(n)) {
        EXPECT_EQ(stored.position, names_.at(n)) << n;
      }
      if (!journal_may_be_lost) {
        EXPECT_FALSE(done_.contains(n)) << n;
      }
      EXPECT_LE(last, n);
      last = n;
      deliver(stored);
    }
    for (const auto& [n, position] : held_) EXPECT_TRUE(read.contains(n)) << n << " is lost";
    EXPECT_EQ(queue->stats().damaged, 0u);
    EXPECT_EQ(damage_reports, 0);
    EXPECT_EQ(queue->stats().changes.damaged, 0u);
    EXPECT_EQ(queue->stats().changes.queued(), 0u);
    EXPECT_EQ(queue->stats().queued_spans, 0u);
    EXPECT_EQ(queue->stats().queued_records, 0u);
    expect_conservation();
    const auto accepted = queue->stats().accepted;
    const auto changes = queue->stats().changes.accepted;
    EXPECT_GE(accepted, 240u);
    EXPECT_GE(changes, 30u);
    reopen();
    EXPECT_EQ(queue->stats().accepted, accepted);
    EXPECT_EQ(queue->stats().delivered, accepted);
    EXPECT_EQ(queue->stats().changes.accepted, changes);
    EXPECT_EQ(queue->stats().changes.delivered, changes);
    EXPECT_TRUE(files(".segment").empty());
    EXPECT_TRUE(files(".journal").empty());
    close();
  }

 private:
  void let_it_move() {
    clock.advance(std::chrono::minutes(2));
    for (int i = 0; i < 2; ++i) (void)append(item(next_++, 40)).has_value();
    for (const auto& stored : drain()) take(stored);
    moved_ = std::max(moved_, queue->stats().moved_records);
  }
  // What next() gave: the small ones are delivered at once.
  void take(const StoredRecord& stored) {
    const auto n = number(stored.record);
    if (n >= 1000) return done(n, stored.position);
    given_.insert(n);
    held_[n] = stored.position;
    names_.emplace(n, stored.position);
  }
  void finish(std::uint32_t n) {
    if (given_.erase(n) == 0) return;
    done(n, held_.extract(n).mapped());
  }
  void done(std::uint32_t n, Position position) {
    const Record ended = mixed(n);
    queue->complete(
        {.position = position, .delivered = ended.slice.span_count + changes_of(ended)});
    names_.emplace(n, position);
    done_.insert(n);
  }

  std::uint32_t next_ = 1000;
  std::uint64_t moved_ = 0;
  std::map<std::uint32_t, Position> held_;  // to be read again after a start
  std::map<std::uint32_t, Position> names_;
  std::set<std::uint32_t> given_;  // by next(), in this life
  std::set<std::uint32_t> done_;
};

// `power_cut`: every operation from the n-th on fails.
void at_every_operation(bool power_cut, Crash how, bool journal_may_be_lost) {
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    Scenario scenario;
    scenario.prepare();
    power_cut ? scenario.fs.lose_power_at(n) : scenario.fs.fail_operation(n);
    scenario.work();
    const bool fired = scenario.fs.fired();
    if (!fired) {
      EXPECT_GT(scenario.moved(), 10u) << "nothing was shown";
    }
    scenario.close();
    scenario.damage_reports = 0;
    scenario.fs.crash(how, static_cast<std::uint32_t>(n));
    scenario.verify(journal_may_be_lost);
    if (!fired || testing::Test::HasFailure()) break;
  }
}

TEST(QueueMoveFault, NoSingleFailedOperationLosesOrRepeatsAMovedRecord) {
  at_every_operation(false, Crash::keep_all, false);
}

TEST(QueueMoveFault, AFailureFollowedByAPowerCutLosesNoMovedRecord) {
  at_every_operation(false, Crash::lose_unsynced, true);
}

TEST(QueueMoveCrash, EveryRecordIsInOnePlaceWhenUnsyncedStateIsLost) {
  at_every_operation(true, Crash::lose_unsynced, true);
}

TEST(QueueMoveCrash, EveryRecordIsInOnePlaceWhenUnsyncedStateIsTorn) {
  at_every_operation(true, Crash::keep_some, true);
}

TEST(QueueMoveCrash, EveryRecordIsInOnePlaceWhenOnlyTheProcessDies) {
  at_every_operation(true, Crash::keep_all, true);
}

}  // namespace
}  // namespace tracelink
