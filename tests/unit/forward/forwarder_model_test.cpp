#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "daemon/forward/backlog.hpp"
#include "daemon/forward/scope_key.hpp"
#include "daemon/forward/scope_name.hpp"
#include "tests/unit/forward/forwarder_fixture.hpp"

// Backlog, Holds, Spill and Dispatcher against models that are simple and slow, under random
// schedules. A seed that fails is run again with TRACELINK_TEST_SEED.
namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

std::uint64_t chosen_seed() {
  const char* chosen = std::getenv("TRACELINK_TEST_SEED");
  const std::uint64_t seed = chosen != nullptr ? std::stoull(chosen) : std::random_device{}();
  std::cout << "TRACELINK_TEST_SEED=" << seed << '\n';
  return seed;
}

// Every question is answered by walking everything.
class NaiveBacklog {
 public:
  struct Work {
    std::uint64_t sequence;
    GroupKey group;
    std::size_t records;
    SteadyTime not_before;
    std::uint64_t split_group;
    bool doubtful;
  };
  std::vector<Work> works;  // by sequence
  std::set<GroupKey> held;

  template <class Wanted>
  std::size_t records(Wanted wanted) const {
    std::size_t records = 0;
    for (const Work& work : works) records += wanted(work) ? work.records : 0;
    return records;
  }
  std::vector<std::uint64_t> batch(const GroupKey& group, std::size_t max, SteadyTime now) const {
    std::vector<std::uint64_t> taken;
    std::uint64_t split_group = 0;
    for (const Work& work : works) {
      if (work.group != group || work.not_before > now || taken.size() == max) continue;
      if (taken.empty()) split_group = work.split_group;
      if (work.split_group == split_group) taken.push_back(work.sequence);
    }
    return taken;
  }
  void remove(std::uint64_t sequence) {
    GroupKey group;
    std::erase_if(works, [&](const Work& work) {
      if (work.sequence == sequence) group = work.group;
      return work.sequence == sequence;
    });
    if (records([&](const Work& work) { return work.group == group; }) == 0) held.erase(group);
  }
};

TEST(BacklogModelTest, CountsAndChoosesAsTheModelDoes) {
  std::mt19937_64 engine(chosen_seed());
  const auto pick = [&](std::uint64_t below) { return engine() % below; };
  FakeClock clock;
  Backlog backlog;
  NaiveBacklog model;
  for (std::uint64_t n = 1; n <= 3'000; ++n) {
    const GroupKey group{link_of(static_cast<char>('a' + pick(3))),
                         pick(2) == 0 ? "" : std::to_string(pick(3))};
    if (pick(3) != 0) {
      TraceWork work;
      work.sequence = n;
      work.group = group;
      work.parts.resize(1 + pick(3));
      work.not_before = clock.steady() + milliseconds(pick(2) * pick(500));
      work.split_group = pick(8) == 0 ? 1 + pick(2) : 0;
      work.suspicion.failures = static_cast<int>(pick(5));
      model.works.push_back({n, group, work.parts.size(), work.not_before, work.split_group,
                             work.suspicion.failures >= 3});
      backlog.add(std::move(work));
    }
    if (pick(3) == 0) clock.advance(milliseconds(pick(200)));
    backlog.wake(clock.steady());
    if (pick(4) == 0) {
      const auto expected = model.batch(group, 5, clock.steady());
      EXPECT_EQ(backlog.has_due(group), !expected.empty());
      std::vector<std::uint64_t> taken;
      for (const TraceWork& work : backlog.take_batch(group, {5, 1u << 20})) {
        taken.push_back(work.sequence);
      }
      ASSERT_EQ(taken, expected) << n;
      for (const std::uint64_t sequence : taken) model.remove(sequence);
    }
    using Work = NaiveBacklog::Work;
    const auto is_of_group = [&](const Work& work) { return work.group == group; };
    if (pick(10) == 0 && model.records(is_of_group) > 0) {
      const bool held = pick(2) == 0;
      backlog.set_held(group, held);
      held ? (void)model.held.insert(group) : (void)model.held.erase(group);
    }
    const auto is_held = [&](const Work& work) {
      return work.doubtful || model.held.contains(work.group);
    };
    ASSERT_EQ(backlog.records(), model.records([](const Work&) { return true; }));
    ASSERT_EQ(backlog.held_records(), model.records(is_held));
    ASSERT_EQ(backlog.moving_records_of(group),
              model.records([&](const Work& work) { return is_of_group(work) && !is_held(work); }));
    const ScopeKey scope = scope_key(FailureScope::experiment, group);
    ASSERT_EQ(backlog.traces_in(scope),
              static_cast<std::size_t>(std::ranges::count_if(model.works, [&](const Work& work) {
                return scope_key(FailureScope::experiment, work.group) == scope ||
                       scope_key(FailureScope::link, work.group) == scope;
              })));
    std::optional<SteadyTime> next;
    for (const Work& work : model.works) {
      if (work.not_before > clock.steady()) {
        next = std::min(next.value_or(work.not_before), work.not_before);
      }
    }
    ASSERT_EQ(backlog.next_due(), next);
  }
}

// What the server says of a scope changes at random; the model remembers each answer.
class DispatchModelTest : public ForwarderFixture {
 protected:
  struct Seen {  // of a scope
    int failures = 0;
    SteadyTime earliest{};  // of the next attempt
  };
  std::uint64_t pick(std::uint64_t below) { return engine_() % below; }

  std::vector<Outcome> answer(const ScriptedDestination::Batch& batch) {
    const GroupKey group{batch[0].link, batch[0].experiment};
    for (const FailureScope scope : {FailureScope::link, FailureScope::experiment}) {
      const auto seen = seen_.find(scope_key(scope, group));
      if (seen == seen_.end()) continue;
      if (!is_held(seen->first)) {
        // Nothing of it was left in memory, and its breaker is forgotten (README: spilled).
        EXPECT_GT(source.spilled_records(), 0u);
        seen_.erase(seen);
        continue;
      }
      EXPECT_EQ(batch.size(), 1u) << "a scope that failed is probed";
      EXPECT_GE(clock.steady(), seen->second.earliest) << "not before its back-off is over";
    }
    if (is_invented(group) && !worked_.contains(group.experiment)) {
      EXPECT_EQ(batch.size(), 1u) << "what a peer invented is tried with one trace";
    }
    if (bad_links_.contains(group.link)) return fail(batch, FailureScope::link, group);
    if (bad_experiments_.contains(group.experiment)) {
      return fail(batch, FailureScope::experiment, group);
    }
    seen_.erase(scope_key(FailureScope::link, group));
    seen_.erase(scope_key(FailureScope::experiment, group));
    worked_.insert(group.experiment);
    return std::vector<Outcome>(batch.size());
  }
  std::vector<Outcome> fail(const ScriptedDestination::Batch& batch, FailureScope scope,
                            const GroupKey& group) {
    const ScopeKey key = scope_key(scope, group);
    if (is_exception(batch, group)) return {batch.size(), misconfigured(scope)};
    for (const TraceDelivery& delivery : batch) failed_.insert(delivery.trace.info.trace_id);
    seen_[key].earliest = clock.steady() + minutes(1);
    if (key.scope == FailureScope::experiment) worked_.erase(key.experiment);
    return {batch.size(), misconfigured(scope)};
  }
  // A trace that has failed before and fails alone, while its scope is open, is blamed itself.
  bool is_exception(const ScriptedDestination::Batch& batch, const GroupKey& group) const {
    return batch.size() == 1 && failed_.contains(batch[0].trace.info.trace_id) &&
           !is_held(scope_key(FailureScope::link, group)) &&
           !is_held(scope_key(FailureScope::experiment, group));
  }
  // As the step says that sent what is answered now.
  bool is_held(const ScopeKey& key) const {
    return std::ranges::any_of(forwarder->status().held, [&](const HeldScope& held) {
      return held.scope == scope_name(key, source);
    });
  }
  static bool is_invented(const GroupKey& group) { return !group.experiment.empty(); }

  void accept_something() {
    const From from{.link = static_cast<char>('a' + pick(3)),
                    .experiment = pick(3) == 0 ? std::to_string(pick(40)) : ""};
    accept(++last_trace_, from);
  }
  void change_the_server() {
    const LinkHash link = link_of(static_cast<char>('a' + pick(3)));
    if (pick(4) == 0 && bad_links_.erase(link) == 0) bad_links_.insert(link);
    const std::string experiment = std::to_string(pick(40));
    if (bad_experiments_.erase(experiment) == 0) bad_experiments_.insert(experiment);
  }

  std::mt19937_64 engine_;
  std::map<ScopeKey, Seen> seen_;
  std::set<std::string> worked_;
  std::set<TraceId> failed_;
  std::set<LinkHash> bad_links_;
  std::set<std::string> bad_experiments_;
  std::uint64_t last_trace_ = 0;
};

TEST_F(DispatchModelTest, NothingGoesThatMayNotAndEverythingGoesThatMay) {
  engine_.seed(chosen_seed());
  options.connections = 1;
  options.max_traces_per_batch = 1 + pick(10);
  options.window_records = 20 + pick(200);
  options.held_records = 20 + pick(200);
  destination.follow([this](const ScriptedDestination::Batch& batch) { return answer(batch); });
  for (int round = 0; round < 500; ++round) {
    for (std::uint64_t n = pick(12); n > 0; --n) accept_something();
    if (pick(10) == 0) change_the_server();
    run_for(milliseconds(1 + (pick(20) == 0 ? pick(200'000) : pick(3'000))));
    const ForwardStatus status = forwarder->status();
    ASSERT_FALSE(status.is_stuck);
    ASSERT_EQ(source.totals().queued, status.waiting_traces + status.assembling_traces +
                                          status.in_flight_traces + status.parked_traces)
        << "every trace is in one place, round " << round;
  }
  bad_links_.clear();
  bad_experiments_.clear();
  run_for(hours(3));
  EXPECT_EQ(source.totals().queued, 0u);
  EXPECT_TRUE(forwarder->status().held.empty());
  EXPECT_EQ(forwarder->status().held_scopes, 0u);
}

}  // namespace
}  // namespace tracelink
