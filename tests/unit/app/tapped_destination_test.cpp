#include "daemon/app/tapped_destination.hpp"

#include <gtest/gtest.h>

#include "tests/support/scripted_destination.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

constexpr std::uint8_t kRefused = 9;

class DurableDestination final : public ScriptedDestination {
 public:
  using ScriptedDestination::ScriptedDestination;
  void deliveries_are_durable() override { ++told; }
  int told = 0;
};

class TappedDestinationTest : public testing::Test {
 protected:
  TappedDestinationTest() {
    destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
      Outcome outcome;
      if (delivery.trace.info.trace_id.bytes[0] == kRefused) outcome.kind = OutcomeKind::poison;
      return outcome;
    }));
  }
  static TraceDelivery trace(std::uint8_t number, DeliveryMode mode = DeliveryMode::whole) {
    TraceDelivery delivery;
    delivery.trace.info.trace_id.bytes[0] = number;
    delivery.trace.otlp = encode_spans(delivery.trace.info.trace_id, spans(1, 2));
    delivery.trace.span_count = 2;
    delivery.link.bytes[0] = 7;
    delivery.mode = mode;
    delivery.accepted_at = WallTime(std::chrono::seconds(5));
    return delivery;
  }
  void deliver(std::vector<TraceDelivery> batch) {
    const std::size_t size = batch.size();
    std::size_t answered = 0;
    tapped.deliver(std::move(batch),
                   [&](const std::vector<Outcome>& outcomes) { answered = outcomes.size(); });
    tapped.poll(std::chrono::milliseconds(0));
    EXPECT_EQ(answered, size);
  }

  FakeClock clock;
  DurableDestination destination{clock};
  Tap tap{clock};
  TappedDestination tapped{destination, tap, clock};
};

TEST_F(TappedDestinationTest, ShowsWhatIsDeliveredWithItsLinkAndTimes) {
  (void)tap.after(std::nullopt);
  deliver({trace(1), trace(kRefused)});
  const Tap::View view = tap.after(0);
  ASSERT_EQ(view.entries.size(), 1u) << "the other was refused";
  const Tap::Entry& entry = *view.entries.front();
  EXPECT_EQ(entry.trace_id.bytes[0], 1);
  EXPECT_EQ(entry.link.bytes[0], 7);
  EXPECT_EQ(entry.spans, 2u);
  EXPECT_EQ(entry.otlp, encode_spans(entry.trace_id, spans(1, 2)));
  EXPECT_EQ(entry.at, clock.wall());
  EXPECT_EQ(entry.accepted_at, WallTime(std::chrono::seconds(5)));
  EXPECT_FALSE(entry.peer);
}

TEST_F(TappedDestinationTest, TellsTheDestinationThatItsDeliveriesAreDurable) {
  tapped.deliveries_are_durable();
  EXPECT_EQ(destination.told, 1);
}

TEST_F(TappedDestinationTest, AChangeOfATraceHasNoSpansToShow) {
  (void)tap.after(std::nullopt);
  deliver({trace(1, DeliveryMode::change)});
  EXPECT_EQ(tap.after(0).next, 0u);
}

TEST_F(TappedDestinationTest, SpansThatAreStoredCountThoughARepairBehindThemWasRefused) {
  (void)tap.after(std::nullopt);
  destination.follow(ScriptedDestination::each([](const TraceDelivery&) {
    Outcome outcome;
    outcome.kind = OutcomeKind::poison;
    outcome.spans_stored = true;
    return outcome;
  }));
  deliver({trace(1)});
  EXPECT_EQ(tap.after(0).entries.size(), 1u);
}

TEST_F(TappedDestinationTest, WhatNobodyWatchedIsCounted) {
  deliver({trace(1), trace(2), trace(kRefused)});
  EXPECT_EQ(tap.after(std::nullopt).next, 2u);
}

}  // namespace
}  // namespace tracelink
