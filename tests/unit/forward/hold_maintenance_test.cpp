#include <chrono>
#include <cstdint>
#include <string>

#include "tests/unit/forward/forwarder_fixture.hpp"

// What is done each minute about traces that are held, and what it costs those that are not.
namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class HoldMaintenanceTest : public ForwarderFixture {
 protected:
  Position accept_named(std::uint64_t trace, const std::string& name) {
    const TestSpan root{.id = span(trace, 1)};
    Record record = trace_record(trace, {root}, clock.wall());
    record.slice.otlp = encode_spans(trace_id(trace), {root}, {{"mlflow.modelName", name}});
    LinkDefinition configured;
    configured.name = "agent";
    record.link = source.define(configured);
    return source.append(std::move(record));
  }
  bool is_delivered(std::uint64_t trace) {
    return !destination.delivered_spans(trace_id(trace)).empty();
  }
};

TEST_F(HoldMaintenanceTest, ATraceThatCannotBeReadKeepsNoOtherFromItsLink) {
  options.links.max_names = 1;
  accept_named(1, "a");
  for (std::uint64_t trace = 2; trace <= 40; ++trace) {
    source.fail_reads_of(accept_named(trace, std::to_string(trace)));
  }
  accept_named(41, "c");
  run();
  ASSERT_TRUE(is_delivered(1));
  EXPECT_FALSE(is_delivered(41)) << "more names than may be";
  run_for(hours(2) + minutes(5));
  EXPECT_TRUE(is_delivered(41));
  EXPECT_EQ(forwarder->status().waiting_traces, 39u);
}

// Traces of an experiment that the server does not know, and a slow disk for their dead letters.
class GivingUpTest : public ForwarderFixture {
 protected:
  GivingUpTest() {
    fs.set_on_sync([this] { clock.advance(milliseconds(30)); });
    destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
      return delivery.experiment.empty() ? Outcome{} : misconfigured(FailureScope::experiment);
    }));
    for (std::uint64_t trace = 1; trace <= kHeld; ++trace) accept(trace, {.experiment = "7"});
    run_for(hours(24));
  }
  static constexpr std::uint64_t kHeld = 200;
};

TEST_F(GivingUpTest, LeavesTimeToWhatCanBeDelivered) {
  ASSERT_EQ(store->count(), 0u);
  for (std::uint64_t good = 1001; store->count() < kHeld; ++good) {
    const std::size_t before = store->count();
    accept(good);
    while (destination.delivered_spans(trace_id(good)).empty()) {
      forwarder->hurry(std::nullopt);
      forwarder->step(seconds(1));
    }
    ASSERT_LE(store->count() - before, 3u) << "while one trace was delivered";
  }
}

TEST_F(GivingUpTest, GoesOnWhileNothingElseHappens) {
  run_for(minutes(2));
  EXPECT_EQ(store->count(), kHeld);
}

}  // namespace
}  // namespace tracelink
