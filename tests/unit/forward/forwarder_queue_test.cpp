#include <chrono>

#include "tests/unit/forward/forwarder_fixture.hpp"

// What the loop makes of the queue: its errors, its damage, and more records than fit in memory.
namespace tracelink {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class ForwarderQueueTest : public ForwarderFixture {
 protected:
  std::size_t known_records() {
    const ForwardStatus status = forwarder->status();
    return status.assembling_traces + status.waiting_traces + status.in_flight_traces;
  }
};

TEST_F(ForwarderQueueTest, AQueueThatCannotBeReadIsTriedAgain) {
  source.fail_next({ErrorCode::io, "the disk fails"});
  accept(1);
  run_for(milliseconds(900));
  EXPECT_EQ(known_records(), 0u);
  run_for(seconds(4));
  EXPECT_EQ(source.totals().delivered, 1u);
}

TEST_F(ForwarderQueueTest, DamageIsSteppedOver) {
  source.fail_next({ErrorCode::corrupt, "records 3 to 5 are damaged"});
  accept(1);
  run();
  EXPECT_EQ(source.totals().delivered, 1u);
  EXPECT_NE(forwarder->status().last_error->message.find("damaged"), std::string::npos);
}

TEST_F(ForwarderQueueTest, ARecordThatCannotBeReadAgainNowIsReadLater) {
  accept(1);
  run_for(seconds(1));
  source.fail_reads(true);
  run_for(minutes(2));
  EXPECT_TRUE(destination.batches().empty());
  source.fail_reads(false);
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 1u);
}

TEST_F(ForwarderQueueTest, OfATraceThatLostARecordTheRestIsDelivered) {
  accept(1, 1, 1);
  const Position lost = accept(1, 2, 3);
  run_for(seconds(1));
  source.lose(lost);
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 3, .delivered = 1, .damaged = 2}));
}

TEST_F(ForwarderQueueTest, ATraceThatLostAllItsRecordsIsForgotten) {
  const Position lost = accept(1, 2, 2);
  run_for(seconds(1));
  source.lose(lost);
  run_for(minutes(11));
  EXPECT_TRUE(destination.batches().empty());
  accept(1);
  run();
  EXPECT_EQ(source.totals().queued, 0u) << "what comes later for the trace goes its way";
}

TEST_F(ForwarderQueueTest, BytesThatAreNotOtlpBecomeADeadLetter) {
  Record record = trace_record(1, {{.id = 1}}, clock.wall());
  record.slice.otlp = "\x0a\xff";
  source.append(std::move(record));
  accept(2);
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 2, .delivered = 1, .dead_lettered = 1}));
  EXPECT_EQ(letters().size(), 1u);
}

TEST_F(ForwarderQueueTest, ReadingStopsAtTheWindowWhileNothingIsDelivered) {
  options.window_records = 10;
  destination.follow(ScriptedDestination::each([](auto&&) { return transient(); }));
  for (std::uint64_t trace = 1; trace <= 50; ++trace) accept(trace);
  run_for(minutes(10));
  EXPECT_EQ(known_records(), 10u);
  destination.follow(ScriptedDestination::each([](auto&&) { return Outcome{}; }));
  run_for(minutes(3));
  EXPECT_EQ(source.totals().delivered, 50u);
}

TEST_F(ForwarderQueueTest, AWindowFullOfUnfinishedTracesDoesNotWaitForTheirRoots) {
  options.window_records = 10;
  for (std::uint64_t trace = 1; trace <= 20; ++trace) accept(trace, 2, 2);
  for (std::uint64_t trace = 1; trace <= 20; ++trace) accept(trace, 1, 1);
  run_for(seconds(10));
  EXPECT_EQ(source.totals().queued, 0u);
  for (std::uint64_t trace = 1; trace <= 20; ++trace) {
    EXPECT_EQ(destination.delivered_spans(trace_id(trace)), span_set(trace, {1, 2}));
  }
}

TEST_F(ForwarderQueueTest, AHeldExperimentDoesNotFillTheWindowOfTheOthers) {
  options.window_records = 10;
  options.held_records = 40;
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.experiment == "7" ? misconfigured(FailureScope::experiment) : Outcome{};
  }));
  for (std::uint64_t trace = 1; trace <= 30; ++trace) accept(trace, {.experiment = "7"});
  for (std::uint64_t trace = 31; trace <= 60; ++trace) accept(trace);
  run_for(minutes(1));
  EXPECT_EQ(source.totals().delivered, 30u);
}

TEST_F(ForwarderQueueTest, WhileTheReaderIsBehindTracesAreNotCut) {
  constexpr std::uint64_t kTraces = 2000;  // more than one round reads
  for (std::uint64_t trace = 1; trace <= kTraces; ++trace) accept(trace, 2, 2);
  for (std::uint64_t trace = 1; trace <= kTraces; ++trace) accept(trace, 1, 1);
  clock.advance(std::chrono::hours(1));  // the daemon was down
  run();
  EXPECT_EQ(source.totals().delivered, 2 * kTraces);
  for (std::uint64_t trace = 1; trace <= kTraces; ++trace) {
    ASSERT_EQ(destination.delivered_spans(trace_id(trace)).size(), 2u);
  }
  for (const auto& batch : destination.batches()) {
    for (const TraceDelivery& delivery : batch) ASSERT_EQ(delivery.trace.span_count, 2u);
  }
}

}  // namespace
}  // namespace tracelink
