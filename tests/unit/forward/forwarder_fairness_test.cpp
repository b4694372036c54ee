#include <chrono>
#include <set>
#include <string>

#include "tests/unit/forward/forwarder_fixture.hpp"

// No trace waits for the length of what another application, or a peer's invention, has queued.
namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class ForwarderFairnessTest : public ForwarderFixture {
 protected:
  void accept_all(std::uint64_t first, std::uint64_t last, const From& from) {
    for (std::uint64_t trace = first; trace <= last; ++trace) accept(trace, from);
  }
  // How many batches ended before the one with the trace; all of them if there is none.
  std::size_t batches_before(std::uint64_t trace) const {
    std::size_t before = 0;
    for (const auto& batch : destination.batches()) {
      for (const TraceDelivery& delivery : batch) {
        if (delivery.trace.info.trace_id == trace_id(trace)) return before;
      }
      ++before;
    }
    return before;
  }
  void refuse_experiments_but(const std::set<std::string>& good) {
    destination.follow(ScriptedDestination::each([good](const TraceDelivery& delivery) {
      return good.contains(delivery.experiment) ? Outcome{}
                                                : misconfigured(FailureScope::experiment);
    }));
  }
};

TEST_F(ForwarderFairnessTest, GroupsTakeTurns) {
  options.connections = 1;
  options.max_traces_per_batch = 4;
  accept_all(1, 100, {.link = 'a'});
  accept_all(101, 104, {.link = 'b'});
  run();
  EXPECT_LE(batches_before(101), 1u);
  EXPECT_EQ(source.totals().delivered, 104u);
}

TEST_F(ForwarderFairnessTest, AFloodBehindTheWindowDelaysOthersByTheirShareOnly) {
  options.connections = 1;
  options.max_traces_per_batch = 10;
  options.window_records = 200;
  accept_all(1, 5'000, {.link = 'a'});
  accept_all(5'001, 5'010, {.link = 'b'});
  destination.hold_answers(true);  // they take longer than reading
  run_for(seconds(3));
  destination.hold_answers(false);
  run_for(seconds(10));
  EXPECT_LT(batches_before(5'001), 10u) << "of 500 in front of it";
  EXPECT_EQ(source.totals().delivered, 5'010u);
  EXPECT_LE(destination.batches().size(), 560u) << "batches are as full as without the other";
  EXPECT_EQ(forwarder->status().waiting_traces, 0u);
}

TEST_F(ForwarderFairnessTest, MoreFloodsThanAreMarkedHoldNobodyElseBack) {
  constexpr std::uint64_t kFloods = 70, kTraces = 4'200;  // all marks are taken by the first ones
  options.connections = 1;
  options.max_traces_per_batch = 10;
  options.window_records = 1'000;
  for (std::uint64_t trace = 1; trace <= 2 * kTraces; ++trace) {
    const std::uint64_t first = trace <= kTraces ? 1 : 1 + kFloods;
    accept(trace, {.link = static_cast<char>(first + trace % kFloods)});
  }
  accept(10'000, {.link = static_cast<char>(200)});
  destination.hold_answers(true);  // they take longer than reading
  run_for(seconds(3));
  destination.hold_answers(false);
  run_for(minutes(10));
  EXPECT_LT(batches_before(10'000), 3 * kFloods) << "a turn of each, not what waits";
  EXPECT_EQ(source.totals().delivered, 2 * kTraces + 1);
}

TEST_F(ForwarderFairnessTest, AFloodThatIsSpilledHasItsShareBesideWhatFillsHalfOfTheWindow) {
  options.trace_grace = milliseconds(0);
  options.connections = 1;
  options.max_traces_per_batch = 5;
  options.window_records = 80;
  destination.hold_answers(true);
  accept_all(1, 300, {.link = 'a'});
  accept_all(301, 345, {.link = 'b'});
  run_for(seconds(3));
  std::uint64_t last = 345;
  std::size_t of_flood = 0, of_other = 0, beside_the_first_300 = 0;
  destination.follow(ScriptedDestination::each([&](const TraceDelivery& delivery) {
    if (delivery.link == link_of('a')) {
      ++of_flood;
      beside_the_first_300 += of_other < 300 ? 1 : 0;
    } else if (++of_other <= 600) {
      accept(++last, {.link = 'b'});  // for each of them another one comes
    }
    return Outcome{};
  }));
  destination.hold_answers(false);
  run_for(minutes(1));
  EXPECT_GE(beside_the_first_300, 100u);
  EXPECT_EQ(of_flood, 300u);
}

TEST_F(ForwarderFairnessTest, UnclearAnswersAboutMoreThanTheWindowDelayNobodyForLong) {
  options.window_records = 60;
  std::set<TraceId> good;
  for (std::uint64_t trace = 10; trace <= 2'000; trace += 10) good.insert(trace_id(trace));
  destination.follow(ScriptedDestination::each([&](const TraceDelivery& delivery) {
    return good.contains(delivery.trace.info.trace_id)
               ? Outcome{}
               : failed(OutcomeKind::unknown, FailureClass::unknown);
  }));
  std::size_t late = 0;
  for (std::uint64_t trace = 1; trace <= 2'000; ++trace) {
    accept(trace);
    if (!good.contains(trace_id(trace))) continue;
    run_for(minutes(1));
    late += destination.delivered_spans(trace_id(trace)).empty() ? 1 : 0;
  }
  EXPECT_LE(late, 20u) << "of 200";
  run_for(minutes(10));
  EXPECT_EQ(source.totals().delivered, good.size());
}

TEST_F(ForwarderFairnessTest, AFloodIsDeliveredInItsOrder) {
  options.connections = 1;
  options.window_records = 200;
  accept_all(1, 3'000, {});
  run_for(seconds(10));
  std::uint64_t next = 1;
  for (const auto& batch : destination.batches()) {
    for (const TraceDelivery& delivery : batch) {
      EXPECT_EQ(delivery.trace.info.trace_id, trace_id(next++));
    }
  }
  EXPECT_EQ(next, 3'001u);
}

TEST_F(ForwarderFairnessTest, AFloodIsReadTwiceAtMost) {
  options.window_records = 2'000;
  accept_all(1, 40'000, {});
  run_for(seconds(20));
  EXPECT_EQ(source.totals().delivered, 40'000u);
  EXPECT_LE(source.spilled_records(), 44'000u);
}

TEST_F(ForwarderFairnessTest, LaterPartsOfAFloodFollowTheirTraceWhateverTheirLinkIs) {
  options.connections = 1;
  options.window_records = 50;
  accept_all(1, 400, {.link = 'a'});
  for (std::uint64_t trace = 1; trace <= 400; ++trace) accept(trace, 2, 2, {.link = 'b'});
  run_for(minutes(30));
  EXPECT_EQ(source.totals().delivered, 800u);
  for (const auto& [trace, links] : destination.links()) {
    EXPECT_EQ(links, (std::set<LinkHash>{link_of('a')})) << trace.hex();
  }
}

TEST_F(ForwarderFairnessTest, InventedExperimentsShareOnePlace) {
  refuse_experiments_but({""});
  for (std::uint64_t trace = 1; trace <= 2'000; ++trace) {
    accept(trace, {.experiment = std::to_string(1'000 + trace)});
  }
  run_for(milliseconds(2'001));
  accept(3'000);
  run();
  EXPECT_EQ(destination.delivered_spans(trace_id(3'000)).size(), 1u);
  accept(3'001);
  const std::size_t before = destination.batches().size();
  run_for(seconds(2));
  EXPECT_LE(batches_before(3'001) - before, 20u) << "rounds that passed, not what waits";
}

TEST_F(ForwarderFairnessTest, WhatAPeerChoseAndWorksHasItsOwnTurn) {
  options.connections = 1;
  options.max_traces_per_batch = 4;
  refuse_experiments_but({"", "7"});
  accept(1, {.experiment = "7"});
  run();
  accept_all(101, 200, {});
  accept_all(201, 240, {.experiment = "7"});
  destination.forget_batches();
  run();
  EXPECT_LE(batches_before(201), 1u);
  EXPECT_GE(batch(batches_before(201)).size(), 4u) << "a batch, not a probe";
}

TEST_F(ForwarderFairnessTest, ProbesOfInventionsDoNotGrowWithTheirNumber) {
  refuse_experiments_but({""});
  for (std::uint64_t trace = 1; trace <= 3'000; ++trace) {
    accept(trace, {.experiment = std::to_string(10'000 + trace)});
  }
  run_for(minutes(1));
  destination.forget_batches();
  run_for(minutes(10));
  EXPECT_LE(destination.batches().size(), 10u * 60 * 5 + 10) << "five a second";
  EXPECT_GE(destination.batches().size(), 1'000u);
}

TEST_F(ForwarderFairnessTest, ProbesThatAreNotAnsweredLeaveASlotToOthers) {
  const auto is_dark = [](const LinkHash& link) {
    return link == link_of('a') || link == link_of('b');
  };
  destination.follow(ScriptedDestination::each([&](const TraceDelivery& delivery) {
    return is_dark(delivery.link) ? transient(FailureScope::link) : Outcome{};
  }));
  accept(1, {.link = 'a'});
  accept(2, {.link = 'b'});
  run();
  destination.hold_answers_to([&](const auto& batch) { return is_dark(batch.front().link); });
  run_for(minutes(2));
  EXPECT_EQ(destination.in_flight(), 1u);
  accept(3, {.link = 'c'});
  run();
  EXPECT_EQ(destination.delivered_spans(trace_id(3)).size(), 1u);
  destination.follow(ScriptedDestination::each([](const TraceDelivery&) { return Outcome{}; }));
  destination.hold_answers(false);
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 3u);
}

TEST_F(ForwarderFairnessTest, AnUnansweredProbeDoesNotKeepTheServerFromBeingProbed) {
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return transient(delivery.link == link_of('a') ? FailureScope::link : FailureScope::server);
  }));
  accept(1, {.link = 'a'});
  run();
  destination.hold_answers_to([](const auto& batch) { return batch.front().link == link_of('a'); });
  run_for(minutes(2));
  accept(2, {.link = 'b'});
  run_for(minutes(2));
  destination.follow(ScriptedDestination::each([](const TraceDelivery&) { return Outcome{}; }));
  run_for(minutes(2));
  EXPECT_EQ(destination.delivered_spans(trace_id(2)).size(), 1u);
}

TEST_F(ForwarderFairnessTest, ARoundDoesNotAskAboutAllThatIsHeld) {
  Failure hold;
  hold.scope = FailureScope::link;
  hold.message = "the model is being registered";
  destination.refuse([](const LinkHash& link, auto&&) { return link == link_of('b'); }, hold);
  for (std::uint64_t trace = 1; trace <= 1'000; ++trace) {
    accept(trace, {.link = 'b', .experiment = std::to_string(trace)});
  }
  run();
  const std::size_t before = destination.questions();
  for (int round = 0; round < 100; ++round) forwarder->step(std::chrono::milliseconds(10));
  EXPECT_EQ(destination.questions(), before);
  destination.refuse(nullptr, {});
  run_for(minutes(1));
  EXPECT_EQ(source.totals().delivered, 1'000u);
}

TEST_F(ForwarderFairnessTest, UnclearAnswersAboutOneExperimentDoNotStopTheOthers) {
  options.connections = 1;
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.experiment == "7" ? failed(OutcomeKind::unknown, FailureClass::unknown)
                                      : Outcome{};
  }));
  accept_all(1, 100, {.experiment = "7"});
  for (std::uint64_t trace = 1'001; trace <= 1'060; ++trace) {
    accept(trace);
    run_for(seconds(3));
    EXPECT_EQ(destination.delivered_spans(trace_id(trace)).size(), 1u) << trace;
  }
  EXPECT_EQ(forwarder->status().held_scopes, 0u);
}

// Its infos are stored, and what takes their spans is another host than the server.
TEST_F(ForwarderFairnessTest, AnExperimentWithoutItsStoreIsHeldWhileOthersGoThrough) {
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    if (delivery.experiment != "7") return Outcome{};
    Outcome outcome = transient(FailureScope::experiment);
    outcome.info_stored = true;
    return outcome;
  }));
  accept_all(1, 5, {.experiment = "7"});
  for (std::uint64_t trace = 1'001; trace <= 1'200; ++trace) {
    accept(trace);
    run_for(seconds(3));
  }
  EXPECT_EQ(forwarder->status().held_scopes, 1u);
  EXPECT_EQ(source.totals().dead_lettered, 0u);
  destination.follow(ScriptedDestination::each([](const TraceDelivery&) { return Outcome{}; }));
  run_for(minutes(3));
  EXPECT_EQ(source.totals().delivered, 205u);
}

TEST_F(ForwarderFairnessTest, AModelWhoseRegistrationTheServerLeavesOpenDelaysNoOther) {
  Failure failure = transient().failure;
  destination.refuse([](const LinkHash& link, auto&&) { return link == link_of('b'); }, failure);
  accept(1, {.link = 'b'});
  accept_all(2, 50, {});
  run();
  EXPECT_EQ(source.totals().delivered, 49u);
}

TEST_F(ForwarderFairnessTest, StatusShowsTheFirstHoldsAndTheNumberOfAll) {
  refuse_experiments_but({""});
  for (std::uint64_t trace = 1; trace <= 300; ++trace) {
    accept(trace, {.experiment = std::to_string(trace)});
  }
  run_for(minutes(1));
  EXPECT_EQ(forwarder->status().held.size(), 100u);
  EXPECT_EQ(forwarder->status().held_scopes, 300u);
}

// An operator, or NTP, sets the wall clock.
class ForwarderClockTest : public ForwarderFairnessTest,
                           public ::testing::WithParamInterface<hours> {};
INSTANTIATE_TEST_SUITE_P(Both, ForwarderClockTest, ::testing::Values(hours(30), hours(-30)));

TEST_P(ForwarderClockTest, NothingIsGivenUpForThat) {
  refuse_experiments_but({""});
  accept(1, {.experiment = "7"});
  run_for(minutes(5));
  clock.set_wall_by(GetParam());
  accept(2, {.experiment = "7"});
  run_for(hours(22));
  EXPECT_EQ(source.totals().queued, 2u);
  run_for(hours(4));
  EXPECT_EQ(source.totals().dead_lettered, 2u) << "after the time that went by";
}

TEST_P(ForwarderClockTest, ATraceIsNotCutInTwo) {
  accept(1, 2, 2);
  run_for(seconds(10));
  clock.set_wall_by(GetParam());
  run_for(seconds(10));
  accept(1, 1, 1);
  run_for(seconds(1));
  accept(1, 3, 3);
  run();
  ASSERT_EQ(destination.batches().size(), 1u);
  EXPECT_EQ(batch(0)[0].trace.span_count, 3u);
}

TEST_P(ForwarderClockTest, LateSpansFindTheLinkOfTheirTrace) {
  accept(1, {.link = 'a'});
  run();
  clock.set_wall_by(GetParam());
  accept(2);
  run();
  accept(1, 2, 2, {.link = 'b'});
  run();
  EXPECT_EQ(destination.links().at(trace_id(1)), (std::set<LinkHash>{link_of('a')}));
  EXPECT_EQ(destination.batches().back()[0].mode, Mode::spans_only);
}

TEST_P(ForwarderClockTest, TheyFindItAfterARestartToo) {
  accept(1, {.link = 'a'});
  run_for(seconds(5));
  clock.set_wall_by(GetParam());
  restart();
  accept(1, 2, 2, {.link = 'b'});
  run();
  EXPECT_EQ(destination.links().at(trace_id(1)), (std::set<LinkHash>{link_of('a')}));
}

TEST_P(ForwarderClockTest, ARelinkConcernsWhatWasAcceptedBeforeIt) {
  start();
  accept(1);
  clock.set_wall_by(GetParam());
  ASSERT_TRUE(forwarder->relink({link_of('a'), link_of('c'), clock.wall(), 0}));
  clock.set_wall_by(-GetParam());
  accept(2);
  clock.set_wall_by(-GetParam());
  accept(3);
  run_for(minutes(1));
  EXPECT_EQ(destination.links().at(trace_id(1)), (std::set<LinkHash>{link_of('c')}));
  EXPECT_EQ(destination.links().at(trace_id(2)), (std::set<LinkHash>{link_of('a')}));
  EXPECT_EQ(destination.links().at(trace_id(3)), (std::set<LinkHash>{link_of('a')}));
}

TEST_P(ForwarderClockTest, AHoldIsAsLongAsItIs) {
  refuse_experiments_but({""});
  accept(1, {.experiment = "7"});
  run_for(minutes(5));
  clock.set_wall_by(GetParam());
  run_for(minutes(5));
  const auto age = clock.steady() - forwarder->status().held.at(0).since;
  EXPECT_GE(age, minutes(9));
  EXPECT_LE(age, minutes(10));
}

}  // namespace
}  // namespace tracelink
