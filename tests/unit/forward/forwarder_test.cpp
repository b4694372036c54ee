#include <chrono>
#include <thread>

#include "tests/unit/forward/forwarder_fixture.hpp"

// The way of traces when the destination takes them.
namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class ForwarderTest : public ForwarderFixture {};

TEST_F(ForwarderTest, OneTraceInTwoRecordsGoesOnceWithAllItsSpans) {
  const Position first = accept(1, 2, 3);
  const Position second = accept(1, 1, 1);
  run();
  ASSERT_EQ(destination.batches().size(), 1u);
  ASSERT_EQ(batch(0).size(), 1u);
  const TraceDelivery& delivery = batch(0)[0];
  EXPECT_EQ(delivery.mode, Mode::whole);
  EXPECT_EQ(delivery.trace.span_count, 3u);
  EXPECT_EQ(delivery.link, link_of('a'));
  EXPECT_FALSE(delivery.repeated);
  EXPECT_EQ(destination.delivered_spans(trace_id(1)), span_set(1, {1, 2, 3}));
  EXPECT_EQ(source.completion(first)->delivered, 2u);
  EXPECT_EQ(source.completion(second)->delivered, 1u);
}

TEST_F(ForwarderTest, ARepeatedSpanIsCountedAsDuplicate) {
  accept(1, 2, 3);
  accept(1, 1, 2);
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 4, .delivered = 3, .duplicate = 1}));
}

TEST_F(ForwarderTest, ABatchHoldsTracesOfOneLinkAndExperiment) {
  accept(1);
  accept(2, {.link = 'b'});
  accept(3, {.experiment = "7"});
  accept(4);
  run();
  ASSERT_EQ(destination.batches().size(), 3u);
  EXPECT_EQ(traces_of(0), trace_ids({1, 4}));
  EXPECT_EQ(traces_of(1), trace_ids({2}));
  EXPECT_EQ(traces_of(2), trace_ids({3}));
  EXPECT_EQ(batch(2)[0].experiment, "7");
}

TEST_F(ForwarderTest, TracesGoInTheOrderOfTheirFirstAcceptance) {
  options.connections = 1;
  options.max_traces_per_batch = 1;
  accept(3, 2, 2);
  accept(1);
  accept(2);
  accept(3, 1, 1);
  run();
  ASSERT_EQ(destination.batches().size(), 3u);
  EXPECT_EQ(traces_of(0), trace_ids({3}));
  EXPECT_EQ(traces_of(1), trace_ids({1}));
  EXPECT_EQ(traces_of(2), trace_ids({2}));
}

TEST_F(ForwarderTest, ABatchIsBoundedInBytes) {
  for (std::uint64_t trace = 1; trace <= 4; ++trace) accept(trace);
  const std::size_t bytes = trace_record(1, {{.name = "span"}}).slice.otlp.size();
  options.max_batch_bytes = 2 * bytes;
  run();
  EXPECT_EQ(destination.batches().size(), 2u);
}

TEST_F(ForwarderTest, BatchesGrowWhileTheServerKeepsUp) {
  options.connections = 1;
  for (std::uint64_t trace = 1; trace <= 100; ++trace) accept(trace);
  run();
  std::vector<std::size_t> sizes;
  for (const auto& batch : destination.batches()) sizes.push_back(batch.size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{8, 16, 32, 44}));
}

TEST_F(ForwarderTest, NoMoreBatchesAtOnceThanConnections) {
  options.max_traces_per_batch = 1;
  options.connections = 3;
  for (std::uint64_t trace = 1; trace <= 20; ++trace) accept(trace);
  run();
  EXPECT_EQ(destination.most_in_flight(), 3u);
  EXPECT_EQ(source.totals().queued, 0u);
}

TEST_F(ForwarderTest, WhatComesForATraceOnItsWayWaitsForTheAnswer) {
  destination.hold_answers(true);
  accept(1);
  run();
  accept(1, 2, 2);
  run_for(minutes(20));
  EXPECT_EQ(destination.batches().size(), 1u);
  destination.hold_answers(false);
  run();
  ASSERT_EQ(destination.batches().size(), 2u);
  EXPECT_EQ(batch(1)[0].mode, Mode::spans_only);
  EXPECT_EQ(destination.delivered_spans(trace_id(1)), span_set(1, {1, 2}));
}

TEST_F(ForwarderTest, ATraceWithoutItsRootGoesAfterTheIdleTime) {
  accept(1, 2, 3);
  run_for(minutes(9));
  EXPECT_TRUE(destination.batches().empty());
  run_for(minutes(2));
  ASSERT_EQ(destination.batches().size(), 1u);
  EXPECT_EQ(batch(0)[0].mode, Mode::without_root);
}

TEST_F(ForwarderTest, ALateRootBringsTheFinalInfo) {
  accept(1, 2, 3);
  run_for(minutes(11));
  accept(1, 1, 1);
  run();
  ASSERT_EQ(destination.batches().size(), 2u);
  EXPECT_EQ(batch(1)[0].mode, Mode::final_info);
  EXPECT_TRUE(batch(1)[0].repeated);
  accept(1, 4, 4);
  run();
  EXPECT_EQ(batch(2)[0].mode, Mode::spans_only) << "the root is stored now";
}

TEST_F(ForwarderTest, LateSpansGoAloneAfterTheGrace) {
  accept(1);
  run();
  accept(1, 2, 2);
  run();
  ASSERT_EQ(destination.batches().size(), 2u);
  EXPECT_EQ(batch(1)[0].mode, Mode::spans_only);
}

TEST_F(ForwarderTest, MoreLateSpansWithoutTheRootLookTheTraceUpAgain) {
  accept(1, 2, 2);
  run_for(minutes(11));
  accept(1, 3, 3);
  run();
  ASSERT_EQ(destination.batches().size(), 2u);
  EXPECT_EQ(batch(1)[0].mode, Mode::without_root);
}

TEST_F(ForwarderTest, LateSpansKeepTheLinkOfTheirTrace) {
  accept(1, {.link = 'a'});
  run();
  accept(1, 2, 2, {.link = 'b'});
  run();
  EXPECT_EQ(batch(1)[0].link, link_of('a'));
}

TEST_F(ForwarderTest, TheLinkIsTheOneThatWasActiveFirst) {
  accept(1, 2, 2, {.link = 'a'});
  accept(1, 1, 1, {.link = 'b'});
  run();
  EXPECT_EQ(batch(0)[0].link, link_of('a'));
}

TEST_F(ForwarderTest, WhatCameBeforeTheFirstPartWasSentTakesItsLink) {
  destination.refuse([](auto&&...) { return true; }, {});
  accept(1, {.link = 'a'});
  run();
  accept(1, 2, 2, {.link = 'b'});
  run();
  destination.refuse(nullptr, {});
  run();
  ASSERT_EQ(destination.batches().size(), 2u);
  EXPECT_EQ(batch(1)[0].link, link_of('a'));
}

TEST_F(ForwarderTest, TheLinkStaysFixedOverARestart) {
  accept(1, 2, 2, {.link = 'a'});
  run_for(minutes(11));
  restart();
  accept(1, 1, 1, {.link = 'b'});
  run();
  ASSERT_EQ(destination.batches().size(), 2u);
  EXPECT_EQ(batch(1)[0].link, link_of('a'));
  EXPECT_EQ(batch(1)[0].mode, Mode::final_info);
}

TEST_F(ForwarderTest, TheLinkIsDurableBeforeTheFirstStepIsSent) {
  destination.hold_answers(true);
  accept(1, {.link = 'a'});
  run();
  ASSERT_EQ(destination.in_flight(), 1u);
  ASSERT_EQ(source.notes().size(), 1u);
  EXPECT_EQ(source.notes()[0].step, TraceNote::Step::linked);
  crash();
  destination.hold_answers(false);
  run();
  ASSERT_EQ(destination.batches().size(), 2u);
  EXPECT_TRUE(batch(1)[0].repeated) << "the first attempt may have stored something";
  EXPECT_EQ(destination.links().at(trace_id(1)).size(), 1u);
}

TEST_F(ForwarderTest, TheLinkStaysFixedThroughALongOutage) {
  accept(1, 2, 2, {.link = 'a'});
  run_for(minutes(11));
  accept(1, 1, 1, {.link = 'b'});
  forwarder->stop();
  clock.advance(hours(5));  // nothing reads the queue
  accept(2);
  crash();
  run();
  EXPECT_EQ(destination.links().at(trace_id(1)).size(), 1u);
  EXPECT_EQ(source.totals().queued, 0u);
}

TEST_F(ForwarderTest, NothingIsSentWhoseLinkCannotBeNoted) {
  source.fail_notes(true);
  accept(1);
  run_for(minutes(5));
  EXPECT_TRUE(destination.batches().empty());
  EXPECT_NE(forwarder->status().last_error->message.find("notes"), std::string::npos);
  source.fail_notes(false);
  run_for(minutes(2));
  EXPECT_EQ(source.totals().queued, 0u);
}

TEST_F(ForwarderTest, WhatTheJournalDoesNotKnowIsSentAgainAfterACrash) {
  destination.hold_answers(true);
  accept(1);
  run();
  destination.hold_answers(false);
  forwarder->step(milliseconds(0));
  ASSERT_EQ(source.totals().delivered, 1u);
  ASSERT_EQ(source.unsynced(), 1u);
  crash();
  EXPECT_EQ(source.totals().queued, 1u);
  run();
  EXPECT_EQ(destination.batches().size(), 2u);
  EXPECT_EQ(source.totals().delivered, 1u);
}

TEST_F(ForwarderTest, WhatIsDoneIsInTheJournalWithinASecond) {
  accept(1);
  run();
  run_for(seconds(1));
  EXPECT_EQ(source.unsynced(), 0u);
  const std::size_t syncs = source.journal_syncs();
  run_for(hours(1));
  EXPECT_EQ(source.journal_syncs(), syncs) << "nothing new, nothing to sync";
}

TEST_F(ForwarderTest, StoppingMakesDurableWhatIsDone) {
  accept(1);
  run_for(milliseconds(2100));
  ASSERT_EQ(source.unsynced(), 1u);
  forwarder->stop();
  EXPECT_EQ(source.unsynced(), 0u);
}

TEST_F(ForwarderTest, StoppingLeavesWhatIsOnItsWayInTheQueue) {
  destination.hold_answers(true);
  accept(1);
  run();
  forwarder->stop();
  EXPECT_EQ(destination.in_flight(), 0u);
  EXPECT_EQ(source.totals().queued, 1u);
}

TEST_F(ForwarderTest, ALinkThatIsStillBeingRegisteredIsWaitedFor) {
  Failure hold;
  hold.scope = FailureScope::link;
  hold.message = "the model is being registered";
  destination.refuse([](const LinkHash& link, auto&&) { return link == link_of('b'); }, hold);
  accept(1);
  accept(2, {.link = 'b'});
  run();
  EXPECT_EQ(source.totals().delivered, 1u);
  auto status = forwarder->status();
  ASSERT_EQ(status.held.size(), 1u);
  EXPECT_EQ(status.held[0].scope, "link model-b");
  EXPECT_EQ(status.held[0].traces, 1u);
  destination.refuse(nullptr, {});
  run();
  EXPECT_EQ(source.totals().delivered, 2u);
  EXPECT_TRUE(forwarder->status().held.empty());
}

TEST_F(ForwarderTest, ADestinationThatWaitsForAPersonIsTheLastError) {
  Failure hold;
  hold.message = "the model is being registered";
  destination.refuse([](auto&&...) { return true; }, hold);
  accept(1);
  run();
  EXPECT_FALSE(forwarder->status().last_error);
  hold.message = "You are not authenticated.";
  hold.remedy = "set tracking.password";
  destination.refuse([](auto&&...) { return true; }, hold);
  run();
  ASSERT_TRUE(forwarder->status().last_error);
  EXPECT_EQ(forwarder->status().last_error->message, "server: You are not authenticated.");
  EXPECT_EQ(forwarder->status().last_error->remedy, "set tracking.password");
}

TEST_F(ForwarderTest, WhatTheStopCancelsIsNoError) {
  destination.hold_answers(true);
  accept(1);
  run();
  forwarder->stop();
  EXPECT_FALSE(forwarder->status().last_error);
}

TEST_F(ForwarderTest, StatusTellsWhereTracesAre) {
  destination.hold_answers(true);
  options.connections = 1;
  options.max_traces_per_batch = 1;
  accept(1);
  accept(2);
  accept(3, 2, 2);
  run();
  forwarder->step(milliseconds(0));
  const ForwardStatus status = forwarder->status();
  EXPECT_EQ(status.in_flight_traces, 1u);
  EXPECT_EQ(status.waiting_traces, 1u);
  EXPECT_EQ(status.assembling_traces, 1u);
  EXPECT_EQ(status.waiting_for_root.traces, 1u);
  EXPECT_EQ(status.waiting_for_root.first, clock.steady() - seconds(3) + options.trace_idle);
  EXPECT_EQ(status.waiting_for_root.last, status.waiting_for_root.first);
  EXPECT_EQ(status.server.version, "3.18.0");
  EXPECT_FALSE(status.last_delivery_at);
}

TEST_F(ForwarderTest, DrainingSendsAtOnceWhatHasItsRootAndLeavesTheRest) {
  accept(1);
  accept(2, 2, 2);
  start();
  forwarder->drain(clock.steady() + seconds(5));
  EXPECT_FALSE(forwarder->drained());
  forwarder->run({});
  EXPECT_TRUE(forwarder->drained());
  EXPECT_EQ(source.totals(), (Totals{.accepted = 2, .delivered = 1, .queued = 1}));
}

TEST_F(ForwarderTest, DrainingEndsAtItsDeadline) {
  destination.hold_answers(true);
  accept(1);
  start();
  const SteadyTime deadline = clock.steady() + milliseconds(1300);
  forwarder->drain(deadline);
  forwarder->run({});
  EXPECT_EQ(clock.steady(), deadline);
  EXPECT_EQ(source.totals().queued, 1u);
}

// For the thread sanitizer: what other threads may call, while the loop runs in its own.
TEST_F(ForwarderTest, StatusAndDrainedMayBeAskedFromOtherThreads) {
  for (std::uint64_t trace = 1; trace <= 2000; ++trace) accept(trace);
  start();
  std::jthread loop([this] { forwarder->run({}); });
  forwarder->drain(clock.steady() + hours(1));
  while (!forwarder->drained()) {
    EXPECT_LE(forwarder->status().waiting_traces, 2000u);
    std::this_thread::yield();
  }
  loop.join();
  EXPECT_EQ(source.totals().delivered, 2000u);
}

TEST_F(ForwarderTest, NoMoreTracesGoInASecondThanAreConfigured) {
  options.max_traces_per_second = 20;
  for (std::uint64_t trace = 1; trace <= 100; ++trace) accept(trace);
  run_for(milliseconds(4'500));  // of which 2 s are for more spans
  const auto sent = [&] {
    std::size_t traces = 0;
    for (const auto& one : destination.batches()) traces += one.size();
    return traces;
  };
  EXPECT_GE(sent(), 49u);
  EXPECT_LE(sent(), 52u);
  run_for(seconds(3));
  EXPECT_EQ(sent(), 100u);
  EXPECT_EQ(forwarder->status().traces_per_second, 20);
}

TEST_F(ForwarderTest, AServerThatIsAskedTooOftenIsAskedLess) {
  options.max_traces_per_second = 64;
  Outcome busy = transient();
  busy.failure.http_status = 429;
  busy.failure.retry_after = seconds(7);
  destination.follow(ScriptedDestination::each([&](const TraceDelivery&) { return busy; }));
  for (std::uint64_t trace = 1; trace <= 100; ++trace) accept(trace);
  run();
  EXPECT_EQ(forwarder->status().traces_per_second, 32);
  const std::size_t batches = destination.batches().size();
  run_for(seconds(5));
  EXPECT_EQ(destination.batches().size(), batches) << "before the time that Retry-After names";
  destination.follow(ScriptedDestination::each([](const TraceDelivery&) { return Outcome{}; }));
  run_for(seconds(30));
  EXPECT_EQ(source.totals().queued, 0u);
  EXPECT_GT(forwarder->status().traces_per_second, 32);
}

}  // namespace
}  // namespace tracelink
