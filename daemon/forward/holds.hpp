#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/bounded_map.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/forward/backlog.hpp"
#include "daemon/forward/circuit_breakers.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/forward/turns.hpp"
#include "daemon/forward/unlinked_traces.hpp"
#include "daemon/queue/record_source.hpp"
#include "daemon/report/reporter.hpp"

namespace tracelink {

// Why traces do not move: scopes that the server refused (circuit breakers), models and experiments
// that the destination does not have yet, traces without a usable link; since when, whose fault it
// is, and what to do.
//
// A group that may not go now is blocked behind the scope that is in its way, costs nothing there,
// and comes back by take_released() when the scope opens or wants a probe of it.
// Every call but list() takes O(log n), and each release; list() is bounded. Threads: one.
// Lifetime: the references outlive this object.
class Holds {
 public:
  using Permit = CircuitBreakers::Permit;
  // Traces of a scope that are not in memory.
  using Elsewhere = std::function<std::size_t(const ScopeKey&)>;
  struct Parts {
    Backlog& backlog;
    const RecordSource& source;
    Reporter& reporter;
    const Clock& clock;
    RandomSource& random;
  };
  explicit Holds(Parts parts);

  UnlinkedTraces& unlinked() { return unlinked_; }
  const UnlinkedTraces& unlinked() const { return unlinked_; }

  // Permission.
  CircuitBreakers::Answer ask(const GroupKey& group) const { return breakers_.ask(group); }
  Permit ask_server() const { return breakers_.ask_server(); }
  Turns::Kind kind_of(const GroupKey& group) const;
  void begin_probe(const GroupKey& group) { breakers_.begin_probe(group); }
  // The group had its turn, and nothing of it was sent.
  void turn_not_used(const GroupKey& group) { breakers_.offer_again(group); }
  void block(const GroupKey& group, const ScopeKey& scope);
  bool is_blocked(const GroupKey& group) const { return blocked_.contains(group); }
  // Held by its link or experiment, so that it has a window of its own.
  std::optional<ScopeKey> held_alone_by(const GroupKey& group) const;

  // What the destination says about a group.
  void refused(const GroupKey& group, Failure failure);
  void accepted(const GroupKey& group);

  // What the answers say. A success proves what a peer chose.
  void failed(const GroupKey& group, const ScopeKey& key, const Failure& failure);
  void succeeded(const GroupKey& group);
  // What is held shows until something of it succeeds, or nothing of it is left: then true.
  bool forget_if_unused(const ScopeKey& key);

  // Lets scopes be probed whose back-off is over, and links whose registration changed.
  void wake(const std::vector<LinkHash>& changed_links);
  // Those that wait for the destination may ask again, whatever it says.
  void let_all_ask_again();
  std::vector<GroupKey> take_released();
  bool take_scope_released();  // a scope was released since the last call
  void note_scope_released() { scope_released_ = true; }

  std::optional<SteadyTime> next_due() const { return breakers_.next_due(); }

  // Scopes of peers whose traces are to be given up if they are old: refused again and again.
  struct GivenUp {
    ScopeKey key;
    Failure failure;
  };
  std::vector<GivenUp> peers_that_stay_refused() const;

  std::size_t scopes() const;
  // The first `max` of them: the server, links that an operator chose, traces without a link, links
  // that peers chose, and then experiments, which peers choose.
  std::vector<HeldScope> list(std::size_t max, const Elsewhere& elsewhere) const;

 private:
  struct Wait {  // the destination does not accept it now
    Failure failure;
    SteadyTime since{};
  };
  using Blocked = std::map<ScopeKey, std::deque<GroupKey>>;
  static constexpr std::size_t kMaxProven = 4'096;

  bool is_proven(const ScopeKey& key) const { return proven_.contains(key); }
  void prove(const ScopeKey& key);
  void seat_again(const ScopeKey& key);
  void release(const GroupKey& group);
  void release_one(Blocked& from, const ScopeKey& key);
  void release_all(Blocked& from, const ScopeKey& key);
  void scopes_released(const std::vector<ScopeKey>& keys);
  void end_wait(const ScopeKey& key);
  bool forget_wait(const ScopeKey& key);
  void note_stalled(const ScopeKey& key);
  HeldScope describe(const ScopeKey& key, const Failure& failure, SteadyTime since,
                     const Elsewhere& elsewhere) const;

  const Parts parts_;
  CircuitBreakers breakers_;
  UnlinkedTraces unlinked_;
  std::map<ScopeKey, Wait> waits_;
  std::map<LinkHash, ScopeKey> named_experiments_;  // of the waits, by what is registered for them
  Blocked behind_breaker_, behind_destination_;
  std::set<GroupKey> blocked_;
  std::vector<GroupKey> released_;
  // Chosen by peers, and the server took something of it. One that goes because they are too many
  // is tried like a new one again.
  BoundedMap<ScopeKey, std::monostate> proven_{kMaxProven};
  bool scope_released_ = false;
};

}  // namespace tracelink
