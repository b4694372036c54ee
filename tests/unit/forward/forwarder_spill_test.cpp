#include <algorithm>
#include <chrono>
#include <set>
#include <string>

#include "tests/unit/forward/forwarder_fixture.hpp"

// More held traces than are kept in memory.
namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class ForwarderSpillTest : public ForwarderFixture {
 protected:
  ForwarderSpillTest() {
    options.window_records = 10;
    options.held_records = 40;
    options.max_traces_per_batch = 10;
    destination.follow(ScriptedDestination::each([this](const TraceDelivery& delivery) {
      if (bad_links.contains(delivery.link)) return misconfigured(FailureScope::link);
      const bool bad = all_are_bad ? !delivery.experiment.empty()
                                   : bad_experiments.contains(delivery.experiment);
      return bad ? misconfigured(FailureScope::experiment) : Outcome{};
    }));
  }
  void accept_all(std::uint64_t first, std::uint64_t last, const From& from) {
    for (std::uint64_t trace = first; trace <= last; ++trace) accept(trace, from);
  }
  void accept_all(std::uint64_t first, std::uint64_t last) { accept_all(first, last, From{}); }
  std::size_t held_traces() {
    std::size_t traces = 0;
    for (const HeldScope& scope : forwarder->status().held) traces += scope.traces;
    return traces;
  }
  std::vector<TraceId> delivered_of(const std::string& experiment) {
    std::vector<TraceId> ids;
    for (const auto& batch : destination.batches()) {
      for (const TraceDelivery& delivery : batch) {
        if (delivery.experiment == experiment) ids.push_back(delivery.trace.info.trace_id);
      }
    }
    return ids;
  }

  std::set<std::string> bad_experiments{"7"};
  std::set<LinkHash> bad_links;
  bool all_are_bad = false;
};

TEST_F(ForwarderSpillTest, HeldTracesWithoutEndStopNobody) {
  accept_all(1, 500, {.experiment = "7"});
  accept_all(501, 530);
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 30u);
  EXPECT_LE(source.in_flight(), options.held_records + options.window_records);
}

TEST_F(ForwarderSpillTest, WhatIsSpilledIsDeliveredInOrderWhenItsScopeIsReleased) {
  accept_all(1, 500, {.experiment = "7"});
  run_for(minutes(2));
  ASSERT_GT(source.spilled_records(), 400u);
  const std::size_t before = delivered_of("7").size();
  bad_experiments.clear();
  run_for(minutes(3));
  EXPECT_EQ(source.totals().delivered, 500u);
  auto ids = delivered_of("7");
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(before) + 1);  // and the probe
  EXPECT_TRUE(std::ranges::is_sorted(ids));
}

TEST_F(ForwarderSpillTest, AScopeThatIsReleasedDoesNotWaitForOthersThatAreHeld) {
  bad_experiments = {"7", "8", "9"};
  accept_all(1, 300, {.experiment = "7"});
  accept_all(301, 600, {.experiment = "8"});
  accept_all(601, 900, {.experiment = "9"});
  run_for(minutes(2));
  bad_experiments = {"7", "8"};
  run_for(minutes(5));
  EXPECT_EQ(source.totals().delivered, 300u);
}

TEST_F(ForwarderSpillTest, StatusCountsWhatIsSpilled) {
  accept_all(1, 500, {.experiment = "7"});
  run_for(minutes(2));
  ASSERT_EQ(forwarder->status().held.size(), 1u);
  EXPECT_EQ(held_traces(), 500u);
  EXPECT_EQ(forwarder->status().waiting_traces, 500u);
}

TEST_F(ForwarderSpillTest, WhatAPeerChoseBecomesDeadLettersInTheEnd) {
  accept_all(1, 200, {.experiment = "7"});
  run_for(hours(25));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 200, .dead_lettered = 200}));
}

TEST_F(ForwarderSpillTest, ARelinkReachesWhatIsSpilled) {
  bad_links = {link_of('b')};
  accept_all(1, 300, {.link = 'b'});
  accept_all(301, 330);
  run_for(hours(30));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 330, .delivered = 30, .queued = 300}));
  ASSERT_TRUE(forwarder->relink({link_of('b'), link_of('a'), clock.wall(), 0}));
  run_for(minutes(5));
  EXPECT_EQ(source.totals().delivered, 330u);
}

TEST_F(ForwarderSpillTest, AnExperimentForEachTraceStopsNobody) {
  all_are_bad = true;
  for (std::uint64_t trace = 1; trace <= 300; ++trace) {
    accept(trace, {.experiment = std::to_string(1000 + trace)});
  }
  accept_all(301, 330);
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 30u);
  EXPECT_LE(forwarder->status().held.size(), options.held_records + options.window_records);
  all_are_bad = false;
  run_for(hours(3));
  EXPECT_EQ(source.totals().delivered, 330u);
}

TEST_F(ForwarderSpillTest, LaterPartsFollowTheirTraceIntoTheSpill) {
  options.window_records = 100;  // a rescan that is paused may tear them apart
  accept_all(1, 60, {.experiment = "7"});
  run_for(minutes(2));
  ASSERT_GT(source.spilled_records(), 0u);
  accept(60, 2, 2, {.link = 'b', .experiment = "7"});
  run_for(minutes(15));
  bad_experiments.clear();
  run_for(minutes(3));
  EXPECT_EQ(source.totals().delivered, 61u);
  EXPECT_EQ(destination.links().at(trace_id(60)), (std::set<LinkHash>{link_of('a')}));
  EXPECT_EQ(destination.batches().back().back().trace.span_count, 2u);
}

TEST_F(ForwarderSpillTest, WhatComesForATraceThatIsHeldDoesNotFillTheWindow) {
  options.window_records = 100;
  accept(1, {.experiment = "7"});
  run_for(minutes(1));
  for (std::uint64_t n = 2; n <= 300; ++n) accept(1, n, n, {.experiment = "7"});
  accept(2);
  run_for(minutes(1));
  EXPECT_EQ(destination.delivered_spans(trace_id(2)), span_set(2, {1}));
  bad_experiments.clear();
  run_for(minutes(5));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 301, .delivered = 301}));
  std::vector<SpanId> in_order;
  for (const auto& batch : destination.batches()) {
    for (const TraceDelivery& delivery : batch) {
      if (delivery.trace.info.trace_id != trace_id(1)) continue;
      const auto ids = span_ids(delivery.trace.otlp);
      in_order.insert(in_order.end(), ids->begin(), ids->end());
    }
  }
  in_order.erase(in_order.begin(), in_order.end() - 300);  // refused ones
  std::vector<SpanId> accepted;
  for (std::uint64_t n = 1; n <= 300; ++n) accepted.push_back(span_id(span(1, n)));
  EXPECT_EQ(in_order, accepted);
}

TEST_F(ForwarderSpillTest, APartThatWasFoundLostIsNotSpilledWithTheOthers) {
  options.window_records = 40;
  accept(1);
  run_for(minutes(1));  // the group is known to work
  std::vector<Position> unreadable;
  for (std::uint64_t trace = 2; trace <= 31; ++trace) unreadable.push_back(accept(trace));
  const Position lost = accept(32, 2, 2);
  unreadable.push_back(accept(32, 1, 1));
  for (const Position position : unreadable) source.fail_reads_of(position);
  run_for(std::chrono::milliseconds(1));
  source.lose(lost);  // it is known, and was not read again yet
  run_for(minutes(1));
  ASSERT_EQ(source.spilled_records(), 0u);
  accept_all(33, 40);
  run_for(minutes(1));
  EXPECT_GT(source.spilled_records(), 0u);
  for (const Position position : unreadable) source.fail_reads_of(position, false);
  run_for(minutes(5));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 41, .delivered = 40, .damaged = 1}));
}

TEST_F(ForwarderSpillTest, WhileNothingChangesTheQueueIsReadAgainEachHourOnly) {
  accept_all(1, 500, {.experiment = "7"});
  run_for(minutes(2));
  run_for(hours(5));
  EXPECT_GE(source.rescans(), 5u);
  EXPECT_LE(source.rescans(), 6u);
}

}  // namespace
}  // namespace tracelink
