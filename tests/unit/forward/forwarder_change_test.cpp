#include <chrono>

#include "tests/unit/forward/forwarder_fixture.hpp"

// Changes of traces that an MLflow SDK has asked for.
namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class ForwarderChangeTest : public ForwarderFixture {
 protected:
  Position change(std::uint64_t trace, const std::string& key = "team") {
    Record record;
    record.accepted_at = clock.wall();
    record.link = link_of('a');
    record.slice.trace_id = trace_id(trace);
    record.slice.change = R"({"kind":"set_tag","body":{"key":")" + key + R"(","value":"x"}})";
    return source.append(std::move(record));
  }
  void deletion(std::uint64_t trace) {
    Record record;
    record.accepted_at = clock.wall();
    record.link = link_of('a');
    record.slice.trace_id = trace_id(trace);
    record.slice.change = R"({"kind":"delete_trace","body":{"key":"deletion"}})";
    source.append(std::move(record));
  }
  // The batches in short: "1" for the trace, "1 key" for a change of it.
  std::vector<std::string> sent() {
    std::vector<std::string> all;
    for (const auto& batch : destination.batches()) {
      for (const TraceDelivery& delivery : batch) {
        const auto& bytes = delivery.trace.info.trace_id.bytes;
        std::string text = std::to_string(bytes.back());
        if (delivery.mode == Mode::change) {
          text += " " + nlohmann::json::parse(delivery.change)["body"]["key"].get<std::string>();
        }
        all.push_back(std::move(text));
      }
    }
    return all;
  }
  using Sent = std::vector<std::string>;
};

TEST_F(ForwarderChangeTest, WhatComesForADeletedTraceDoesNotBringItBack) {
  accept(1);
  deletion(1);
  run_for(std::chrono::seconds(6));  // until its end is durable
  ASSERT_EQ(sent(), (Sent{"1", "1 deletion"}));
  const Position late = accept(1, 7, 7);
  crash();
  run_for(std::chrono::seconds(6));
  EXPECT_EQ(sent(), (Sent{"1", "1 deletion"}));
  EXPECT_EQ(source.completion(late)->delivered, 1u);
  EXPECT_EQ(source.totals().queued, 0u);
}

TEST_F(ForwarderChangeTest, WhatIsReadAgainAfterACrashDoesNotBringADeletedTraceBack) {
  accept(1);
  deletion(1);
  run_for(milliseconds(2'100));
  ASSERT_EQ(sent(), (Sent{"1", "1 deletion"}));
  ASSERT_EQ(source.unsynced(), 2u);
  crash();
  run();
  EXPECT_EQ(sent(), (Sent{"1", "1 deletion", "1 deletion"}));
  EXPECT_EQ(source.totals().queued, 0u);
}

TEST_F(ForwarderChangeTest, WhatComesWhileItsTraceIsDeletedIsDeletedToo) {
  bool once = false;
  destination.follow(ScriptedDestination::each([&](const TraceDelivery& delivery) {
    if (delivery.mode == Mode::change && !std::exchange(once, true)) accept(1, 7, 7);
    return Outcome{};
  }));
  accept(1);
  deletion(1);
  run_for(std::chrono::seconds(6));
  EXPECT_EQ(sent(), (Sent{"1", "1 deletion"}));
  EXPECT_EQ(source.totals().queued, 0u);
}

TEST_F(ForwarderChangeTest, GoesBehindItsTraceInTheOrderOfArrival) {
  accept(1, 2, 2, {.experiment = "7"});
  change(1, "a");
  change(1, "b");
  accept(1, 1, 1, {.experiment = "7"});
  change(1, "c");
  run();
  EXPECT_EQ(sent(), (Sent{"1", "1 a", "1 b", "1 c"}));
  EXPECT_EQ(batch(1)[0].experiment, "7") << "where its trace goes";
  EXPECT_EQ(source.totals(), (Totals{.accepted = 2, .delivered = 2}));
  EXPECT_EQ(source.change_totals(), (Totals{.accepted = 3, .delivered = 3}));
  EXPECT_EQ(forwarder->status().counters.delivered_traces, 1u);
}

TEST_F(ForwarderChangeTest, OfADeliveredTraceGoesAtOnce) {
  accept(1);
  run();
  change(1);
  run_for(milliseconds(10));
  EXPECT_EQ(sent(), (Sent{"1", "1 team"}));
}

TEST_F(ForwarderChangeTest, OfATraceOfLongAgoGoesByItself) {
  accept(1);
  run();
  run_for(hours(3));
  const Position late = change(1);
  run();
  EXPECT_EQ(sent(), (Sent{"1", "1 team"}));
  EXPECT_TRUE(source.completion(late));
}

TEST_F(ForwarderChangeTest, NeedsNoLink) {
  options.links.model_required = true;
  Record record;
  record.accepted_at = clock.wall();
  record.experiment = "0";
  record.slice.trace_id = trace_id(1);
  record.slice.change = R"({"kind":"set_tag","body":{"key":"team","value":"x"}})";
  source.append(std::move(record));
  run();
  EXPECT_EQ(sent(), (Sent{"1 team"}));
}

TEST_F(ForwarderChangeTest, WaitsWhileItsTraceIsRetried) {
  int attempts = 0;
  destination.follow(ScriptedDestination::each([&](const TraceDelivery& delivery) {
    const bool fails = delivery.mode != Mode::change && ++attempts < 4;
    return fails ? transient() : Outcome{};
  }));
  accept(1);
  run();
  change(1);
  run_for(hours(1));
  EXPECT_EQ(sent(), (Sent{"1", "1", "1", "1", "1 team"}));
}

TEST_F(ForwarderChangeTest, IsMadeAgainAfterACrashInOrder) {
  accept(1);
  change(1, "a");
  change(1, "b");
  run_for(milliseconds(2'100));
  ASSERT_EQ(sent(), (Sent{"1", "1 a", "1 b"}));
  ASSERT_EQ(source.unsynced(), 3u);
  destination.forget_batches();
  crash();
  run();
  EXPECT_EQ(sent(), (Sent{"1", "1 a", "1 b"}));
  EXPECT_EQ(source.totals().queued, 0u);
}

TEST_F(ForwarderChangeTest, BeforeItsTraceWaitsForIt) {
  change(1);
  accept(1);
  run();
  EXPECT_EQ(sent(), (Sent{"1", "1 team"}));
}

TEST_F(ForwarderChangeTest, ThatIsRefusedIsADeadLetterOfItsOwn) {
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.mode == Mode::change && delivery.change.find("bad") != std::string::npos
               ? failed(OutcomeKind::poison, FailureClass::poison)
               : Outcome{};
  }));
  accept(1);
  change(1, "bad");
  change(1, "good");
  run();
  EXPECT_EQ(sent(), (Sent{"1", "1 bad", "1 good"}));
  ASSERT_EQ(letters().size(), 1u);
  EXPECT_EQ(letters()[0]["spans"], 0);
  EXPECT_EQ(letters()[0]["changes"], 1);
  EXPECT_EQ(letters()[0]["reason"], "the server refuses it: no");
  const auto letter = nlohmann::json::parse(*store->read_json(letters()[0]["id"]));
  EXPECT_EQ(letter["trace_change"]["kind"], "set_tag");
  EXPECT_EQ(letter["trace_change"]["body"]["key"], "bad");
  EXPECT_EQ(source.totals(), (Totals{.accepted = 1, .delivered = 1}));
  EXPECT_EQ(source.change_totals(), (Totals{.accepted = 2, .delivered = 1, .dead_lettered = 1}));
  EXPECT_EQ(forwarder->status().counters.dead_lettered_traces, 0u);
}

TEST_F(ForwarderChangeTest, ThatIsRefusedIsOneDeadLetterAlsoOverACrash) {
  destination.follow(ScriptedDestination::each(
      [](const TraceDelivery&) { return failed(OutcomeKind::poison, FailureClass::poison); }));
  const Position refused = change(1);
  run();
  crash();
  run();
  EXPECT_EQ(letters().size(), 1u);
  EXPECT_TRUE(source.completion(refused));
}

TEST_F(ForwarderChangeTest, GoesBeforeAShutdown) {
  accept(1);
  change(1);
  run_for(milliseconds(1));
  forwarder->drain(clock.steady() + milliseconds(500));
  run_for(milliseconds(400));
  EXPECT_EQ(sent(), (Sent{"1", "1 team"}));
  EXPECT_TRUE(forwarder->drained());
}

TEST_F(ForwarderChangeTest, WhatAnEarlierRunHasStoredIsToldOnce) {
  accept(1);
  change(1);
  start();
  std::vector<TraceId> told;
  forwarder->set_on_earlier([&](const TraceSlice& slice) { told.push_back(slice.trace_id); });
  accept(2);
  run();
  EXPECT_EQ(told, trace_ids({1, 1}));
}

TEST_F(ForwarderChangeTest, WhoWaitsIsToldWhenNothingOfTheTraceIsLeft) {
  std::vector<bool> told;
  const auto wait = [&](std::uint64_t trace, milliseconds longest) {
    forwarder->await_delivery(trace_id(trace), clock.steady() + longest,
                              [&](bool delivered) { told.push_back(delivered); });
  };
  start();
  wait(1, milliseconds(100));
  run_for(milliseconds(1));
  EXPECT_EQ(told, (std::vector<bool>{true})) << "there is none";
  accept(1);
  change(1);
  wait(1, milliseconds(1'000));
  run_for(milliseconds(5));
  EXPECT_EQ(told, (std::vector<bool>{true, true})) << "it went at once";
  EXPECT_EQ(sent(), (Sent{"1", "1 team"}));
  destination.hold_answers(true);
  change(1);
  wait(1, milliseconds(50));
  run_for(milliseconds(60));
  EXPECT_EQ(told, (std::vector<bool>{true, true, false}));
  wait(1, milliseconds(50));
  run_for(milliseconds(1));
  forwarder->stop();
  wait(1, milliseconds(50));
  EXPECT_EQ(told, (std::vector<bool>{true, true, false, false, false}));
  forwarder.reset();
}

// However many ask, and however often, the traces in assembly are looked at once in a while.
TEST_F(ForwarderChangeTest, ThoseWhoWaitForAllTracesShareTheirLooks) {
  start();
  accept(1);
  run_for(milliseconds(1));
  const std::size_t before = destination.wakeups();
  for (int n = 0; n < 1'000; ++n) forwarder->hurry(std::nullopt);
  EXPECT_EQ(destination.wakeups(), before + 1);
  run_for(milliseconds(1));
  EXPECT_EQ(sent(), (Sent{"1"}));
  accept(2);
  run_for(milliseconds(1));
  forwarder->hurry(std::nullopt);
  run_for(milliseconds(1));
  EXPECT_EQ(sent(), (Sent{"1"})) << "too soon after the last look";
  run_for(milliseconds(60));
  EXPECT_EQ(sent(), (Sent{"1", "2"}));
}

}  // namespace
}  // namespace tracelink
