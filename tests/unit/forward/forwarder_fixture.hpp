#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "daemon/codec/span_ids.hpp"
#include "daemon/forward/forwarder.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/fake_random_source.hpp"
#include "tests/support/fake_source.hpp"
#include "tests/support/scripted_destination.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {

// A delivery loop between a queue and a destination that are both in memory. Trace n has the spans
// 1000·n + 1 (its root), 1000·n + 2, …
class ForwarderFixture : public ::testing::Test {
 protected:
  using Mode = DeliveryMode;
  using Totals = FakeSource::Totals;
  struct From {
    char link = 'a';
    std::string experiment{};
  };

  ForwarderFixture() { spdlog::set_level(spdlog::level::off); }
  ~ForwarderFixture() override {
    if (forwarder) forwarder->stop();
  }

  // A process begins; the one before has ended.
  void start() {
    source.begin();
    if (!store) {
      store = std::make_unique<DeadLetterStore>(fs, "/dead-letters", dead_letter_bytes);
      ASSERT_TRUE(store->load());
    }
    if (!relinks) {
      relinks = std::make_unique<Relinks>(fs, "/models/relinks.json");
      ASSERT_TRUE(relinks->load());
    }
    reporter.emplace(clock);
    forwarder = std::make_unique<Forwarder>(options, source, destination, *store, *relinks,
                                            *reporter, clock, random);
  }
  void restart() {
    forwarder->stop();
    end(false);
    start();
  }
  // Nothing is answered and nothing is synced any more.
  void crash() {
    end(true);
    start();
  }

  static std::uint64_t span(std::uint64_t trace, std::uint64_t n) { return 1000 * trace + n; }
  Position accept(std::uint64_t trace, std::uint64_t first, std::uint64_t last, From from) {
    std::vector<TestSpan> all;
    for (std::uint64_t n = first; n <= last; ++n) {
      all.push_back({.id = span(trace, n), .parent = n == 1 ? 0 : span(trace, 1)});
    }
    Record record = trace_record(trace, all, clock.wall());
    record.link = link_of(from.link);
    record.experiment = std::move(from.experiment);
    return source.append(std::move(record));
  }
  // Spans `first` to `last` of a trace, in one record.
  Position accept(std::uint64_t trace, std::uint64_t first, std::uint64_t last) {
    return accept(trace, first, last, From{});
  }
  // A whole trace of one span.
  Position accept(std::uint64_t trace) { return accept(trace, 1, 1); }
  Position accept(std::uint64_t trace, From from) { return accept(trace, 1, 1, std::move(from)); }

  // Lets the loop live so long.
  void run_for(std::chrono::milliseconds duration) {
    if (!forwarder) start();
    const SteadyTime end = clock.steady() + duration;
    int rounds_at_once = 0;
    while (clock.steady() < end) {
      const SteadyTime before = clock.steady();
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - before);
      forwarder->step(std::min<std::chrono::milliseconds>(left, std::chrono::minutes(1)));
      rounds_at_once = clock.steady() == before ? rounds_at_once + 1 : 0;
      ASSERT_LT(rounds_at_once, 10'000) << "the loop is busy with nothing";
    }
  }
  // As long as a trace with its root takes when nothing is wrong.
  void run() { run_for(std::chrono::seconds(3)); }

  const ScriptedDestination::Batch& batch(std::size_t index) {
    return destination.batches().at(index);
  }
  std::vector<TraceId> traces_of(std::size_t index) {
    std::vector<TraceId> ids;
    for (const TraceDelivery& delivery : batch(index)) ids.push_back(delivery.trace.info.trace_id);
    return ids;
  }
  static std::vector<TraceId> trace_ids(std::initializer_list<std::uint64_t> traces) {
    std::vector<TraceId> ids;
    for (const std::uint64_t trace : traces) ids.push_back(trace_id(trace));
    return ids;
  }
  static std::multiset<SpanId> span_set(std::uint64_t trace,
                                        std::initializer_list<std::uint64_t> spans) {
    std::multiset<SpanId> ids;
    for (const std::uint64_t n : spans) ids.insert(span_id(span(trace, n)));
    return ids;
  }
  nlohmann::json letters() { return nlohmann::json::parse(store->list_json()->json); }

  static Outcome failed(OutcomeKind kind, FailureClass failure_class,
                        FailureScope scope = FailureScope::server) {
    Outcome outcome;
    outcome.kind = kind;
    outcome.failure.failure_class = failure_class;
    outcome.failure.scope = scope;
    outcome.failure.message = "no";
    outcome.failure.remedy = failure_class == FailureClass::configuration ? "repair it" : "";
    return outcome;
  }
  static Outcome transient(FailureScope scope = FailureScope::server) {
    return failed(OutcomeKind::transient, FailureClass::transient, scope);
  }
  static Outcome misconfigured(FailureScope scope) {
    return failed(OutcomeKind::configuration, FailureClass::configuration, scope);
  }
  // A server that stores the infos and refuses each POST with one of these spans in it.
  static ScriptedDestination::Script refusing(OutcomeKind kind, std::set<std::uint64_t> bad) {
    std::set<SpanId> bad_ids;
    for (const std::uint64_t id : bad) bad_ids.insert(span_id(id));
    return [kind, bad_ids](const ScriptedDestination::Batch& batch) {
      bool refused = false;
      for (const TraceDelivery& delivery : batch) {
        const auto ids = span_ids(delivery.trace.otlp);
        for (const SpanId& id : *ids) refused |= bad_ids.contains(id);
      }
      std::vector<Outcome> outcomes;
      for (const TraceDelivery& delivery : batch) {
        Outcome outcome;
        if (refused) {
          outcome = failed(
              kind, kind == OutcomeKind::poison ? FailureClass::poison : FailureClass::unknown);
          outcome.batch = batch.size() > 1;
        }
        outcome.info_stored = delivery.mode != DeliveryMode::spans_only;
        outcomes.push_back(std::move(outcome));
      }
      return outcomes;
    };
  }

  ForwarderOptions options;
  std::uint64_t dead_letter_bytes = 1u << 20;
  FakeClock clock;
  FakeRandomSource random;
  FakeFileSystem fs;
  FakeSource source;
  ScriptedDestination destination{clock};
  std::unique_ptr<DeadLetterStore> store;
  std::unique_ptr<Relinks> relinks;
  std::optional<Reporter> reporter;
  std::unique_ptr<Forwarder> forwarder;

 private:
  void end(bool crash) {
    destination.drop_pending();
    forwarder.reset();
    store.reset();
    relinks.reset();
    fs.crash();
    source.restart(crash);
  }
};

}  // namespace tracelink
