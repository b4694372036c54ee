#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

#include "tests/unit/forward/forwarder_fixture.hpp"

// docs/design.md#p2 and docs/design.md#p3 under random records, answers, faults and restarts. A
// seed that fails is run again with TRACELINK_TEST_SEED.
namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

class ConservationTest : public ForwarderFixture, public ::testing::WithParamInterface<int> {
 protected:
  void begin(std::uint64_t seed) {
    engine_.seed(seed);
    options.connections = 1 + pick(3);
    options.max_traces_per_batch = 1 + pick(20);
    options.window_records = 20 + pick(200);
    options.held_records = 30 + pick(60);
    destination.follow([this](const ScriptedDestination::Batch& batch) { return answer(batch); });
    start();
  }

  void live() {
    for (int round = 0; round < 400; ++round) {
      const std::uint64_t choice = pick(100);
      if (choice < 60) accept_something();
      if (choice == 60) crash();
      if (choice == 61) restart();
      if (choice == 62) source.fail_notes(pick(2) == 0);
      if (choice == 63) source.fail_reads(pick(2) == 0);
      if (choice == 64) source.fail_next({ErrorCode::io, "the disk fails"});
      if (choice == 65) fs.fail_operation(pick(8));
      if (choice == 66) trouble_ = pick(5);
      if (choice == 67) destination.hold_answers(pick(2) == 0);
      // Mostly little time goes by, sometimes much.
      run_for(milliseconds(pick(10) == 0 ? pick(400'000) : pick(1'500)));
      expect_conservation();
    }
  }

  // Everything works again but what is bad for good.
  void recover() {
    trouble_ = 0;
    source.fail_notes(false);
    source.fail_reads(false);
    destination.hold_answers(false);
    run_for(minutes(30));
    // Holds end after a day, and suspicions while others go through, one after the other.
    for (int n = 0; n < kDay || (n < 3 * kDay && has_queued()); ++n) {
      for (const char link : {'a', 'b', 'c'}) {
        while (is_forbidden(trace_id(++last_trace_))) {
        }
        accept(last_trace_, From{.link = link});
        first_link_[trace_id(last_trace_)] = link_of(link);
      }
      run_for(minutes(5));
    }
    run_for(hours(2));
  }

  bool has_queued() const { return source.totals().queued + source.change_totals().queued > 0; }

  void expect_conservation() {
    for (const Totals& t : {source.totals(), source.change_totals()}) {
      ASSERT_EQ(t.accepted, t.delivered + t.dead_lettered + t.duplicate + t.queued);
    }
  }
  void expect_the_end() {
    expect_conservation();
    for (const Totals& totals : {source.totals(), source.change_totals()}) {
      EXPECT_EQ(totals.queued, 0u);
      EXPECT_GE(totals.delivered, totals.accepted / 2);
    }
    for (const auto& [trace, links] : destination.links()) {
      EXPECT_EQ(links.size(), 1u) << trace.hex();
      EXPECT_EQ(*links.begin(), first_link_.at(trace)) << trace.hex();
    }
    for (const auto& [trace, spans] : sent_) {
      const auto delivered = destination.delivered_spans(trace);
      for (const SpanId& span : spans) {
        EXPECT_TRUE(delivered.contains(span) || buried(trace)) << trace.hex() << " " << span.hex();
      }
    }
  }

 private:
  static constexpr int kDay = 26 * 12;  // and some more, in pieces of five minutes

  std::uint64_t pick(std::uint64_t below) { return engine_() % below; }

  // A record of a new trace or of one of the last ones: a first part, the root, late spans, spans
  // that were there already, of whatever link is active now.
  void accept_something() {
    if (pick(3) != 0 || last_trace_ == 0) ++last_trace_;
    const std::uint64_t back = std::min<std::uint64_t>(pick(5), last_trace_ - 1);
    const std::uint64_t trace = last_trace_ - back;
    if (first_link_.contains(trace_id(trace)) && pick(6) == 0) return accept_change(trace);
    const std::uint64_t first = 1 + pick(4);
    const std::uint64_t last = first + pick(4);
    if (pick(20) == 0) active_link_ = static_cast<char>('a' + pick(3));
    const bool is_first = first_link_.emplace(trace_id(trace), link_of(active_link_)).second;
    if (is_first) experiment_[trace] = pick(6) == 0 ? std::to_string(pick(3)) : "";
    for (std::uint64_t n = first; n <= last; ++n) {
      sent_[trace_id(trace)].insert(span_id(span(trace, n)));
    }
    accept(trace, first, last, {active_link_, experiment_[trace]});
  }

  void accept_change(std::uint64_t trace) {
    Record record;
    record.accepted_at = clock.wall();
    record.link = first_link_.at(trace_id(trace));
    record.experiment = experiment_[trace];
    record.slice.trace_id = trace_id(trace);
    record.slice.change =
        R"({"kind":"set_tag","body":{"key":"n","value":")" + std::to_string(pick(1'000)) + R"("}})";
    source.append(std::move(record));
  }

  // One span, or change, in fifty is bad for good; experiment 2 does not exist.
  static bool is_bad(std::string_view bytes) {
    return std::hash<std::string_view>{}(bytes) % 50 == 0;
  }

  // Something between refuses one trace in thirty, whatever is sent of it.
  static bool is_forbidden(const TraceId& id) {
    return std::hash<std::string_view>{}(id.view()) % 30 == 0;
  }
  // Those before it are delivered, those behind it not sent.
  static std::vector<Outcome> refused_from(const ScriptedDestination::Batch& batch,
                                           std::ptrdiff_t first) {
    std::vector<Outcome> outcomes;
    for (std::ptrdiff_t n = 0; n < std::ssize(batch); ++n) {
      outcomes.push_back(n < first ? Outcome{} : misconfigured(FailureScope::link));
      outcomes.back().batch = n > first;
    }
    return outcomes;
  }
  // It is gone, or what is in front of it says so.
  Outcome no_server() {
    constexpr std::array kStatus{0, 502, 503};
    Outcome outcome = transient();
    outcome.failure.http_status = kStatus[pick(kStatus.size())];
    return outcome;
  }

  std::vector<Outcome> answer(const ScriptedDestination::Batch& batch) {
    if (batch[0].experiment == "2") {
      return {batch.size(), misconfigured(FailureScope::experiment)};
    }
    if (trouble_ == 1 || (trouble_ == 2 && pick(2) == 0)) return {batch.size(), no_server()};
    if (trouble_ == 3 && pick(2) == 0) {
      return {batch.size(), failed(OutcomeKind::unknown, FailureClass::unknown)};
    }
    if (trouble_ == 4 && pick(2) == 0) {
      const FailureScope scope = pick(2) == 0 ? FailureScope::link : FailureScope::server;
      return {batch.size(), misconfigured(scope)};
    }
    const auto forbidden = std::ranges::find_if(batch, [](const TraceDelivery& delivery) {
      return is_forbidden(delivery.trace.info.trace_id);
    });
    if (forbidden != batch.end()) return refused_from(batch, forbidden - batch.begin());
    bool refused = false;
    for (const TraceDelivery& delivery : batch) {
      const auto ids = span_ids(delivery.trace.otlp);
      for (const SpanId& id : *ids) refused |= is_bad(id.view());
      refused |= !delivery.change.empty() && is_bad(delivery.change);
    }
    // A server says of the same bad span now this, now that.
    const bool poison = pick(2) == 0;
    std::vector<Outcome> outcomes;
    for (const TraceDelivery& delivery : batch) {
      Outcome outcome;
      if (refused) {
        outcome = failed(poison ? OutcomeKind::poison : OutcomeKind::unknown,
                         poison ? FailureClass::poison : FailureClass::unknown);
        outcome.batch = batch.size() > 1;
      }
      outcome.info_stored = delivery.mode != DeliveryMode::spans_only;
      outcomes.push_back(std::move(outcome));
    }
    return outcomes;
  }

  bool buried(const TraceId& trace) {
    if (dead_lettered_.empty()) {
      for (const auto& letter : letters()) {
        if (letter["spans"] > 0) dead_lettered_.insert(letter["trace_id"]);
      }
    }
    return dead_lettered_.contains(trace.hex());
  }

  std::mt19937_64 engine_;
  std::uint64_t trouble_ = 0;  // 1: down, 2: shaky, 3: doubtful, 4: refusing
  std::uint64_t last_trace_ = 0;
  char active_link_ = 'a';
  std::map<TraceId, LinkHash> first_link_;
  std::map<std::uint64_t, std::string> experiment_;
  std::map<TraceId, std::set<SpanId>> sent_;
  std::set<std::string> dead_lettered_;
};

// One schedule in a hundred has found faults.
INSTANTIATE_TEST_SUITE_P(Random, ConservationTest, ::testing::Range(0, 20));

TEST_P(ConservationTest, EverySpanAndChangeIsDeliveredOrExplainedAndEveryTraceHasOneLink) {
  const char* chosen = std::getenv("TRACELINK_TEST_SEED");
  const std::uint64_t seed = chosen != nullptr ? std::stoull(chosen) : std::random_device{}();
  std::cout << "TRACELINK_TEST_SEED=" << seed << '\n';
  begin(seed);
  live();
  recover();
  expect_the_end();
}

}  // namespace
}  // namespace tracelink
