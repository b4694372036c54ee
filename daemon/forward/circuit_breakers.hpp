#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/base/retry_delay.hpp"
#include "daemon/forward/scope_key.hpp"
#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink {

// Circuit breakers, one a scope: after a failure of the scope nothing of it is sent until the
// back-off is over, then one probe at a time until one succeeds. A configuration failure is probed
// slowly. Every call takes O(log n). Memory: an entry for each failing scope. Threads: one.
class CircuitBreakers {
 public:
  enum class Permit { no, probe, yes };
  struct Breaker {
    Failure failure;
    SteadyTime since{};
    int failures = 0;  // in a row
    SteadyTime until{};
    bool probing = false;
  };
  struct Answer {
    Permit permit = Permit::yes;
    ScopeKey held_by;  // the widest scope that says no
  };

  CircuitBreakers(RetryDelay retry_delay, std::chrono::milliseconds configuration_probe,
                  const Clock& clock, RandomSource& random)
      : retry_delay_(retry_delay),
        configuration_probe_(configuration_probe),
        clock_(clock),
        random_(random) {}

  Answer ask(const GroupKey& group) const;
  Permit ask_server() const { return ask_scope({}); }
  void begin_probe(const GroupKey& group);  // precondition: ask() says probe

  // A delivery of `group` failed as a whole because of `key`. Wider scopes than that are
  // released: the server answered for them. Gives the scopes that this released.
  std::vector<ScopeKey> failed(const GroupKey& group, const ScopeKey& key, const Failure& failure);
  // Releases the scopes of the group; gives those that were held.
  std::vector<ScopeKey> succeeded(const GroupKey& group);
  // False if it was not held.
  bool forget(const ScopeKey& key);

  // The next scope whose back-off is over, each once until begin_probe() or offer_again().
  std::optional<ScopeKey> take_due();
  // The probe that take_due() allowed was not sent, for a reason that lies elsewhere.
  void offer_again(const GroupKey& group);
  std::optional<SteadyTime> next_due() const;

  bool holds_experiments() const;
  const Breaker* find(const ScopeKey& key) const;  // null: not held
  const std::map<ScopeKey, Breaker>& held() const { return held_; }

 private:
  using Held = std::map<ScopeKey, Breaker>;
  Permit ask_scope(const ScopeKey& key) const;
  void hold(const ScopeKey& key, const Failure& failure);
  void end_probe(Held::iterator at);
  void erase(Held::iterator at);

  const RetryDelay retry_delay_;
  const std::chrono::milliseconds configuration_probe_;
  const Clock& clock_;
  RandomSource& random_;
  Held held_;
  std::set<std::pair<SteadyTime, ScopeKey>> due_;  // held, not probing, not taken yet
};

}  // namespace tracelink
