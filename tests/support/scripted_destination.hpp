#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/codec/link_codec.hpp"
#include "daemon/codec/span_ids.hpp"
#include "daemon/destination/destination.hpp"
#include "daemon/types/named_experiment.hpp"
#include "tests/support/fake_clock.hpp"

namespace tracelink {

// Answers batches as its script says and remembers what it was given. A poll() without anything to
// answer lets the clock run to its end, so that a loop around it lives through hours at once.
// Fails the test when a batch mixes links or experiments, or holds a trace that is on its way
// already. Threads: one.
class ScriptedDestination : public Destination {
 public:
  using Batch = std::vector<TraceDelivery>;
  using Script = std::function<std::vector<Outcome>(const Batch&)>;

  // What is asked of every trace alike.
  static Script each(std::function<Outcome(const TraceDelivery&)> outcome) {
    return [outcome](const Batch& batch) {
      std::vector<Outcome> outcomes;
      for (const TraceDelivery& delivery : batch) outcomes.push_back(outcome(delivery));
      return outcomes;
    };
  }

  explicit ScriptedDestination(FakeClock& clock) : clock_(clock) {}

  // Answers "delivered" until told otherwise.
  void follow(Script script) { script_ = std::move(script); }
  // Nothing is answered while it is true.
  void hold_answers(bool hold) {
    held_ = [hold](const Batch&) { return hold; };
  }
  // Nothing is answered to these.
  void hold_answers_to(std::function<bool(const Batch&)> held) { held_ = std::move(held); }
  // The process that waits for the answers is gone.
  void drop_pending() {
    pending_.clear();
    under_way_.clear();
  }
  // refusal() gives the failure for what `refused` names.
  void refuse(std::function<bool(const LinkHash&, const std::string&)> refused, Failure failure) {
    refused_ = std::move(refused);
    refusal_ = std::move(failure);
    changed_.insert(asked_.begin(), asked_.end());
  }

  const std::vector<Batch>& batches() const { return batches_; }
  void forget_batches() { batches_.clear(); }
  std::size_t in_flight() const { return pending_.size(); }
  std::size_t wakeups() const { return wakeups_; }
  std::size_t most_in_flight() const { return most_in_flight_; }
  std::chrono::milliseconds last_wait() const { return last_wait_; }
  // The ids of the spans of a trace that were answered with "delivered", repeated ones too.
  std::multiset<SpanId> delivered_spans(const TraceId& trace) const {
    const auto found = delivered_.find(trace);
    return found == delivered_.end() ? std::multiset<SpanId>() : found->second;
  }
  // All the links that a trace was ever sent with.
  const std::map<TraceId, std::set<LinkHash>>& links() const { return links_; }

  std::optional<Failure> refusal(const LinkHash& link, const std::string& experiment) override {
    ++questions_;
    asked_.insert(link);
    if (const auto name = experiment_name_in(experiment)) {
      asked_.insert(hash_link(encode_link(named_experiment(std::string(*name)))));
    }
    if (!refused_ || !refused_(link, experiment)) return std::nullopt;
    return refusal_;
  }
  std::vector<LinkHash> take_changed_links() override {
    const auto changed = std::exchange(changed_, {});
    return {changed.begin(), changed.end()};
  }
  std::size_t questions() const { return questions_; }  // how often refusal() was asked
  void deliver(Batch batch, Done done) override {
    ASSERT_FALSE(batch.empty());
    for (const TraceDelivery& delivery : batch) {
      EXPECT_EQ(delivery.link, batch.front().link);
      EXPECT_EQ(delivery.experiment, batch.front().experiment);
      const TraceId id = delivery.trace.info.trace_id;
      EXPECT_TRUE(under_way_.insert(id).second) << "in two batches at once: " << id.hex();
      links_[id].insert(delivery.link);
    }
    batches_.push_back(batch);
    pending_.emplace_back(std::move(batch), std::move(done));
    most_in_flight_ = std::max(most_in_flight_, pending_.size());
  }
  void poll(std::chrono::milliseconds timeout) override {
    last_wait_ = timeout;
    if (std::ranges::all_of(pending_, held_, &Pending::first)) return clock_.advance(timeout);
    auto held = take_held();
    answer_all(script_);
    std::ranges::move(held, std::back_inserter(pending_));
  }
  void wakeup() override { ++wakeups_; }
  void cancel() override {
    answer_all(each([](const TraceDelivery&) {
      Outcome outcome;
      outcome.kind = OutcomeKind::transient;
      outcome.failure.message = "cancelled";
      return outcome;
    }));
  }
  ServerStatus server() const override { return {server_, "3.18.0"}; }
  void server_is(ServerStatus::State state) { server_ = state; }

 private:
  using Pending = std::pair<Batch, Done>;

  std::deque<Pending> take_held() {
    std::deque<Pending> held;
    for (Pending& each : pending_) {
      if (held_(each.first)) held.push_back(std::move(each));
    }
    std::erase_if(pending_, [](const Pending& each) { return each.first.empty(); });
    return held;
  }

  void answer_all(const Script& script) {
    auto pending = std::exchange(pending_, {});
    for (auto& [batch, done] : pending) {
      auto outcomes = script(batch);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const TraceId id = batch[i].trace.info.trace_id;
        under_way_.erase(id);
        if (outcomes[i].kind != OutcomeKind::delivered) continue;
        const auto spans = span_ids(batch[i].trace.otlp);
        ASSERT_TRUE(spans);
        delivered_[id].insert(spans->begin(), spans->end());
      }
      done(std::move(outcomes));
    }
  }

  FakeClock& clock_;
  Script script_ = each([](const TraceDelivery&) { return Outcome{}; });
  std::function<bool(const Batch&)> held_ = [](const Batch&) { return false; };
  ServerStatus::State server_ = ServerStatus::State::up;
  std::function<bool(const LinkHash&, const std::string&)> refused_;
  Failure refusal_;
  std::set<LinkHash> asked_, changed_;
  std::size_t questions_ = 0;
  std::deque<Pending> pending_;
  std::set<TraceId> under_way_;
  std::vector<Batch> batches_;
  std::size_t most_in_flight_ = 0;
  std::size_t wakeups_ = 0;
  std::chrono::milliseconds last_wait_{};
  std::map<TraceId, std::multiset<SpanId>> delivered_;
  std::map<TraceId, std::set<LinkHash>> links_;
};

}  // namespace tracelink
