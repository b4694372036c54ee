#include <chrono>

#include "tests/unit/forward/forwarder_fixture.hpp"

// An operator gives kept traces another link (docs/design.md#p3, `tracelink models relink`).
namespace tracelink {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class ForwarderRelinkTest : public ForwarderFixture {
 protected:
  void refuse_link(char link) {
    destination.refuse(
        [link](const LinkHash& asked, const std::string&) { return asked == link_of(link); },
        misconfigured(FailureScope::link).failure);
  }
  // The number of traces moved at once; nothing after a failure.
  std::optional<std::size_t> relink(char from, char to) {
    if (!forwarder) start();
    const auto moved = forwarder->relink({link_of(from), link_of(to), clock.wall(), 0});
    clock.advance(milliseconds(1));
    if (!moved) return std::nullopt;
    return *moved;
  }
  struct Acceptance {
    std::uint64_t accepted_as = 0;
    WallTime at{};
  };
  // A trace of link 'a' comes back from the dead letters.
  void replay(std::uint64_t trace, Acceptance acceptance) {
    Record record = trace_record(trace, {{.id = span(trace, 1)}}, acceptance.at);
    record.link = link_of('a');
    record.accepted_sequence = acceptance.accepted_as;
    source.append_replayed(std::move(record));
  }
  std::set<LinkHash> links_of(std::uint64_t trace) {
    const auto found = destination.links().find(trace_id(trace));
    return found == destination.links().end() ? std::set<LinkHash>() : found->second;
  }
  static std::set<LinkHash> links(std::initializer_list<char> names) {
    std::set<LinkHash> all;
    for (const char name : names) all.insert(link_of(name));
    return all;
  }
};

TEST_F(ForwarderRelinkTest, HeldTracesAreDeliveredUnderTheirNewLink) {
  refuse_link('a');
  accept(1);
  accept(2);
  accept(3, From{'b'});
  run();
  ASSERT_EQ(forwarder->status().held.size(), 1u);
  EXPECT_EQ(relink('a', 'c'), 2u);
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 3, .delivered = 3}));
  EXPECT_EQ(links_of(1), links({'c'}));
  EXPECT_EQ(links_of(3), links({'b'}));
  EXPECT_TRUE(forwarder->status().held.empty());
}

TEST_F(ForwarderRelinkTest, WhileTheFilesOfTheQueueCannotBeListedNothingIsDecided) {
  refuse_link('a');
  accept(1);
  source.set_knows_files(false);
  start();
  const auto refused = forwarder->relink({link_of('a'), link_of('c'), clock.wall(), 0});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(relinks->all().empty());
  source.set_knows_files(true);
  EXPECT_TRUE(relink('a', 'c'));
  run();
  EXPECT_EQ(links_of(1), links({'c'}));
}

TEST_F(ForwarderRelinkTest, AHoldOfWhichNothingIsLeftIsNotShown) {
  accept(1);
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.link == link_of('a') ? misconfigured(FailureScope::link) : Outcome{};
  }));
  run();
  ASSERT_EQ(forwarder->status().held.size(), 1u);
  relink('a', 'c');
  run();
  EXPECT_EQ(source.totals().delivered, 1u);
  EXPECT_TRUE(forwarder->status().held.empty());
}

TEST_F(ForwarderRelinkTest, TracesInAssemblyGetTheNewLink) {
  accept(1);
  run_for(milliseconds(1));
  EXPECT_EQ(relink('a', 'c'), 1u);
  run();
  EXPECT_EQ(links_of(1), links({'c'}));
}

TEST_F(ForwarderRelinkTest, TracesStillUnreadGetTheNewLinkWhenTheyAreRead) {
  accept(1);
  EXPECT_EQ(relink('a', 'c'), 0u);
  run();
  EXPECT_EQ(links_of(1), links({'c'}));
}

TEST_F(ForwarderRelinkTest, WhatIsAcceptedAfterwardsKeepsItsOwnLink) {
  relink('a', 'c');
  accept(1);
  run();
  EXPECT_EQ(links_of(1), links({'a'}));
}

TEST_F(ForwarderRelinkTest, AReplayedTraceIsAsOldAsItsAcceptanceWhateverTheClockWasSetTo) {
  accept(9);
  run();
  relink('a', 'c');  // before the second of all sequences
  replay(1, {.accepted_as = 1, .at = clock.wall() + std::chrono::hours(1)});
  replay(2, {.accepted_as = 2, .at = clock.wall() - std::chrono::hours(1)});
  run();
  EXPECT_EQ(links_of(1), links({'c'}));
  EXPECT_EQ(links_of(2), links({'a'}));
}

TEST_F(ForwarderRelinkTest, AnOldDeadLetterWithoutASequenceGoesByTime) {
  relink('a', 'c');
  replay(1, {.accepted_as = 0, .at = clock.wall() - std::chrono::hours(1)});
  replay(2, {.accepted_as = 0, .at = clock.wall() + std::chrono::hours(1)});
  run();
  EXPECT_EQ(links_of(1), links({'c'}));
  EXPECT_EQ(links_of(2), links({'a'}));
}

TEST_F(ForwarderRelinkTest, ItHoldsAfterACrash) {
  refuse_link('a');
  accept(1);
  run();
  relink('a', 'c');
  crash();
  run();
  EXPECT_EQ(links_of(1), links({'c'}));
  EXPECT_EQ(source.totals().delivered, 1u);
}

TEST_F(ForwarderRelinkTest, ATraceThatFailedUnderItsFixedLinkGetsTheNewOneDurably) {
  destination.follow(ScriptedDestination::each([](auto&&) { return transient(); }));
  accept(1);
  run();
  ASSERT_EQ(links_of(1), links({'a'}));
  EXPECT_EQ(relink('a', 'c'), 1u);
  run_for(minutes(2));
  EXPECT_EQ(source.notes().back().link, link_of('c')) << "noted before it is sent";
  EXPECT_EQ(destination.batches().back().front().link, link_of('c'));
}

TEST_F(ForwarderRelinkTest, ATraceThatFailedUnderItsFixedLinkGetsTheNewOneAfterACrash) {
  destination.follow(ScriptedDestination::each([](auto&&) { return transient(); }));
  accept(1);
  run();
  relink('a', 'c');
  crash();
  destination.forget_batches();
  run();
  EXPECT_EQ(batch(0).front().link, link_of('c'));
}

TEST_F(ForwarderRelinkTest, LateSpansOfADeliveredTraceKeepItsLink) {
  accept(1);
  run();
  ASSERT_EQ(source.totals().delivered, 1u);
  accept(1, 2, 2);
  run_for(milliseconds(1));
  EXPECT_EQ(relink('a', 'c'), 0u);
  run();
  EXPECT_EQ(source.totals().delivered, 2u);
  EXPECT_EQ(links_of(1), links({'a'}));
}

TEST_F(ForwarderRelinkTest, WhatComesBackFromItsWayGetsTheNewLink) {
  destination.hold_answers(true);
  accept(1);
  run();
  ASSERT_EQ(destination.in_flight(), 1u);
  EXPECT_EQ(relink('a', 'c'), 0u);
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.link == link_of('a') ? misconfigured(FailureScope::link) : Outcome{};
  }));
  destination.hold_answers(false);
  run_for(minutes(2));
  EXPECT_EQ(links_of(1), links({'a', 'c'}));
  EXPECT_EQ(source.totals().delivered, 1u);
  EXPECT_TRUE(forwarder->status().held.empty());
}

TEST_F(ForwarderRelinkTest, WhatIsStoredInPartStaysWithItsLink) {
  destination.hold_answers(true);
  accept(1);
  run();
  relink('a', 'c');
  int answers = 0;
  destination.follow(ScriptedDestination::each([&](auto&&) {
    Outcome outcome = answers++ == 0 ? transient() : Outcome{};
    outcome.info_stored = true;
    return outcome;
  }));
  destination.hold_answers(false);
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 1u);
  EXPECT_EQ(links_of(1), links({'a'}));
}

TEST_F(ForwarderRelinkTest, ATraceThatFindsNoRoomAmongTheDeadLettersGetsTheNewLink) {
  destination.follow(ScriptedDestination::each(
      [](auto&&) { return failed(OutcomeKind::poison, FailureClass::poison); }));
  accept(1);
  start();
  fs.fail_names("2");  // the letters' names begin with the year
  run();
  ASSERT_EQ(forwarder->status().parked_traces, 1u);
  EXPECT_EQ(relink('a', 'c'), 1u);
  fs.fail_names("");
  run_for(minutes(2));
  ASSERT_EQ(letters().size(), 1u);
  EXPECT_EQ(letters()[0]["link"], link_of('c').hex());
}

TEST_F(ForwarderRelinkTest, WhatCannotBeRecordedChangesNothing) {
  refuse_link('a');
  accept(1);
  run();
  fs.fail_operation(0);
  EXPECT_EQ(relink('a', 'c'), std::nullopt);
  run();
  EXPECT_TRUE(links_of(1).empty());
  EXPECT_EQ(forwarder->status().held.size(), 1u);
}

TEST_F(ForwarderRelinkTest, ADecisionMayBeUndone) {
  refuse_link('c');
  accept(1);
  run_for(milliseconds(1));
  relink('a', 'c');
  run();
  ASSERT_TRUE(links_of(1).empty());
  relink('c', 'a');
  run();
  EXPECT_EQ(links_of(1), links({'a'}));
}

}  // namespace
}  // namespace tracelink
