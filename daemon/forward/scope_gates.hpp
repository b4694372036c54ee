#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/forward/retry_delay.hpp"
#include "daemon/forward/trace_work.hpp"
#include "daemon/mlflow/failure.hpp"

namespace tracelink {

// What a failure concerns. An experiment that no client asked for is its link's, and counts as the
// link.
struct ScopeKey {
  FailureScope scope = FailureScope::server;
  LinkHash link;
  std::string experiment;
  auto operator<=>(const ScopeKey&) const = default;
};

ScopeKey scope_key(FailureScope scope, const GroupKey& group);
// Named by a client and not by the operator: not held without limit.
inline bool is_peer_chosen(const ScopeKey& key) { return key.scope == FailureScope::experiment; }

// Circuit breakers, one a scope: after a failure of the scope nothing of it is sent until the
// back-off is over, then one probe at a time until one succeeds. A configuration failure is probed
// slowly. Memory: an entry for each failing scope. Threads: one.
class ScopeGates {
 public:
  enum class Permit { no, probe, yes };
  struct Hold {
    ScopeKey key;
    Failure failure;
    WallTime since{};
    int failures = 0;  // in a row
    SteadyTime until{};
    bool probing = false;
  };

  ScopeGates(RetryDelay retry_delay, std::chrono::milliseconds configuration_probe,
             const Clock& clock, RandomSource& random)
      : retry_delay_(retry_delay),
        configuration_probe_(configuration_probe),
        clock_(clock),
        random_(random) {}

  Permit permit(const GroupKey& group) const;
  void begin_probe(const GroupKey& group);  // precondition: permit() says probe

  // A delivery of `group` failed as a whole because of `key`. Wider scopes than that are open
  // again: the server answered for them.
  void failed(const GroupKey& group, const ScopeKey& key, const Failure& failure);
  // Opens the scopes of the group; gives those that were closed.
  std::vector<ScopeKey> succeeded(const GroupKey& group);

  void forget(const ScopeKey& key) { closed_.erase(key); }  // nothing of it is left to send

  std::optional<SteadyTime> next_probe() const;
  std::vector<Hold> holds() const;
  // Held by its link or experiment, not by the server as a whole.
  bool is_held_alone(const GroupKey& group) const;
  bool is_held(const ScopeKey& key) const { return closed_.contains(key); }

 private:
  void hold(const ScopeKey& key, const Failure& failure);

  const RetryDelay retry_delay_;
  const std::chrono::milliseconds configuration_probe_;
  const Clock& clock_;
  RandomSource& random_;
  std::map<ScopeKey, Hold> closed_;  // scopes held now
};

}  // namespace tracelink
