#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "daemon/forward/scope_key.hpp"
#include "daemon/forward/trace_work.hpp"

namespace tracelink {

// The traces that wait for delivery, by group and in the order of first acceptance.
//
// What a round asks takes O(log n), whatever waits: the due traces of a group and those that are
// due later lie apart, and every number is counted as traces come and go. Threads: one.
class Backlog {
 public:
  struct Limits {
    std::size_t max_traces = 1;
    std::uint64_t max_bytes = 0;  // a trace larger than that goes alone
  };

  void add(TraceWork work);
  // From now on traces with not_before <= now are due.
  void wake(SteadyTime now);
  // The groups that went from no due trace to some, since the last call.
  std::vector<GroupKey> take_awakened();

  bool has_due(const GroupKey& group) const;
  // The oldest due trace of the group and those that may go with it: next to it in the order.
  std::vector<TraceWork> take_batch(const GroupKey& group, Limits limits);
  // Of the due traces with the fewest failures the newest: neither those that were refused before
  // nor those that are refused like them, and wait since, speak for their scope.
  std::optional<TraceWork> take_probe(const GroupKey& group);

  // When the next trace that is not due yet becomes so.
  std::optional<SteadyTime> next_due() const;
  std::size_t records() const { return records_; }
  std::size_t traces() const { return traces_; }
  std::size_t traces_in(const ScopeKey& scope) const;
  std::size_t moving_records_of(const GroupKey& group) const;
  std::vector<GroupKey> groups_in(const ScopeKey& scope) const;
  std::vector<GroupKey> groups() const;

  // Whether the group's traces wait for its link or experiment alone; no longer once it is empty.
  void set_held(const GroupKey& group, bool held);
  bool is_held(const GroupKey& group) const;
  // Of held groups, and of traces whose answers are unclear again and again, which are tried
  // rarely; the others move.
  std::size_t held_records() const { return held_records_; }
  std::size_t due_traces_not_held() const { return due_not_held_; }

  // Whether waiting a moment brings nothing of the scope (not the server's) to the destination.
  // Stays so while it has no traces.
  void set_stalled(const ScopeKey& scope, bool stalled);
  // Traces that may be delivered in a moment: of no scope that is stalled, and not refused again
  // and again.
  std::size_t traces_soon() const { return soon_; }
  // Whether traces_soon() counts the trace while it is here.
  bool may_go_soon(const TraceWork& work) const;

  // Takes what `wanted` says of a group, oldest first, at most `max` traces. Walks the group.
  std::vector<TraceWork> take_if(const GroupKey& group,
                                 const std::function<bool(const TraceWork&)>& wanted,
                                 std::size_t max);
  // The traces of the group accepted before, oldest first, at most `max`: O(log n) each.
  std::vector<TraceWork> take_accepted_before(const GroupKey& group, SteadyTime accepted,
                                              std::size_t max);
  // Takes at least `records` records, of what is held or of what moves: the newest traces of the
  // groups that have most of that, half of it at most. No group loses its last trace while another
  // can give one. Of what a search or a suspicion is about only what is tried rarely.
  std::vector<TraceWork> take_newest(bool held, std::size_t records);
  void add_links(LinkSet& to) const;  // of the traces that wait

 private:
  using Works = std::map<std::uint64_t, TraceWork>;  // by sequence
  struct Scope {
    std::size_t traces = 0;
    std::set<GroupKey> groups;
    bool stalled = false;
  };
  using Scopes = std::map<ScopeKey, Scope>;
  struct Group {
    Works due, later;
    std::map<int, std::set<std::uint64_t>> due_by_failures;  // their sequences
    std::size_t records = 0;
    std::size_t promising = 0;         // traces that did not fail again and again
    std::size_t doubtful_records = 0;  // of traces whose answers are unclear again and again
    bool held = false;
    std::vector<Scopes::iterator> scopes;
    std::size_t soon() const;
    std::size_t moving_records() const { return held ? 0 : records - doubtful_records; }
    std::size_t records_of(bool held) const;
    bool may_give(const TraceWork& work, bool held) const;
  };
  using Groups = std::map<GroupKey, Group>;

  Groups::iterator group_of(const GroupKey& key);
  void count(Group& group, const TraceWork& work, bool added);
  void make_due(Groups::iterator group, Works::node_type work);
  TraceWork remove(Groups::iterator group, Works& from, Works::iterator work);
  void drop_if_empty(Groups::iterator group);
  void drop_if_unused(Scopes::iterator scope);
  bool is_stalled(const ScopeKey& key) const;
  // Leaves so many traces. Gives how many records that were.
  std::size_t take_newest_of(Groups::iterator group, bool held, std::size_t records,
                             std::size_t left, std::vector<TraceWork>& to);

  SteadyTime now_ = SteadyTime::min();
  Groups groups_;
  Scopes scopes_;  // of the groups there are, and those that are stalled
  std::map<std::pair<SteadyTime, std::uint64_t>, Groups::iterator> later_;  // by time and sequence
  std::vector<GroupKey> awakened_;
  std::size_t records_ = 0;
  std::size_t traces_ = 0;
  std::size_t held_records_ = 0;
  std::size_t due_not_held_ = 0;
  std::size_t soon_ = 0;
};

}  // namespace tracelink
