#include "daemon/forward/delivery_ledger.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_source.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

const RecentTraces::IsSpilled nothing_is_spilled = [](const TraceId&) { return false; };

class DeliveryLedgerTest : public testing::Test {
 protected:
  TraceWork work(std::uint64_t trace) {
    TraceWork work;
    work.trace_id = trace_id(trace);
    work.group.link = link_of('a');
    return work;
  }
  // A trace whose one record was sent.
  void deliver(std::uint64_t trace) {
    const Position position = source.append(trace_record(trace, spans(1, 1)));
    ASSERT_TRUE(source.next());
    const TraceWork delivered = work(trace);
    ASSERT_TRUE(ledger.fix_links({&delivered}));
    ledger.mark_delivered(delivered, true, 0);
    ledger.complete({{.position = position, .delivered = 1}});
  }
  std::size_t notes(TraceNote::Step step) const {
    std::size_t count = 0;
    for (const TraceNote& note : source.notes()) count += note.step == step ? 1 : 0;
    return count;
  }

  FakeClock clock;
  FakeSource source;
  DeliveryLedger ledger{source, clock, nothing_is_spilled};
};

TEST_F(DeliveryLedgerTest, FixesTheLinkDurablyAndOnce) {
  const TraceWork first = work(1);
  ASSERT_TRUE(ledger.fix_links({&first}));
  ASSERT_TRUE(ledger.fix_links({&first}));
  EXPECT_EQ(notes(TraceNote::Step::linked), 1u);
  EXPECT_EQ(ledger.recent(first.trace_id)->link, link_of('a'));
}

TEST_F(DeliveryLedgerTest, LearnsNotesThatCouldNotBeReadAtTheStart) {
  const TraceWork known = work(1);
  ASSERT_TRUE(ledger.fix_links({&known}));
  for (const std::uint64_t trace : {1u, 2u}) {
    source.find_note({.trace_id = trace_id(trace),
                      .step = TraceNote::Step::delivered,
                      .link = link_of('b'),
                      .root_delivered = true,
                      .start_ns = 0,
                      .at = clock.wall()});
  }
  EXPECT_FALSE(ledger.recent(trace_id(2)));
  ledger.learn_late_notes();
  ASSERT_TRUE(ledger.recent(trace_id(2)));
  EXPECT_EQ(ledger.recent(trace_id(2))->link, link_of('b'));
  EXPECT_TRUE(ledger.recent(trace_id(2))->root_delivered);
  EXPECT_EQ(ledger.recent(trace_id(1))->link, link_of('a')) << "what was noted since is newer";
}

TEST_F(DeliveryLedgerTest, DoesNotFixALinkThatIsNotDurable) {
  source.fail_notes(true);
  const TraceWork first = work(1);
  EXPECT_FALSE(ledger.fix_links({&first}));
  EXPECT_FALSE(ledger.recent(first.trace_id));
}

// A restart would take its records for late spans and send them again.
TEST_F(DeliveryLedgerTest, NotesATraceAsDeliveredOnlyAfterItsRecordsAreJournalled) {
  deliver(1);
  const TraceWork next = work(2);
  ASSERT_TRUE(ledger.fix_links({&next}));
  EXPECT_EQ(notes(TraceNote::Step::delivered), 0u);

  source.fail_journal(true);
  EXPECT_FALSE(ledger.sync());
  EXPECT_EQ(notes(TraceNote::Step::delivered), 0u);

  source.fail_journal(false);
  EXPECT_TRUE(ledger.sync());
  EXPECT_EQ(source.unsynced(), 0u);
  EXPECT_EQ(notes(TraceNote::Step::delivered), 1u);
}

TEST_F(DeliveryLedgerTest, TriesAgainWhatCouldNotBeNoted) {
  deliver(1);
  source.fail_notes(true);
  EXPECT_FALSE(ledger.sync());
  EXPECT_TRUE(ledger.sync_due());
  source.fail_notes(false);
  EXPECT_TRUE(ledger.sync());
  EXPECT_EQ(notes(TraceNote::Step::delivered), 1u);
  EXPECT_FALSE(ledger.sync_due());
}

TEST_F(DeliveryLedgerTest, KnowsAfterARestartWhatWasDelivered) {
  deliver(1);
  ASSERT_TRUE(ledger.sync());
  DeliveryLedger later(source, clock, nothing_is_spilled);
  ASSERT_TRUE(later.recent(trace_id(1)));
  EXPECT_TRUE(later.recent(trace_id(1))->root_delivered);
}

}  // namespace
}  // namespace tracelink
