#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "daemon/forward/trace_work.hpp"

namespace tracelink {

// The traces that wait for delivery, by group and in the order of first acceptance. Threads: one.
class Backlog {
 public:
  struct Limits {
    std::size_t max_traces = 1;
    std::uint64_t max_bytes = 0;  // a trace larger than that goes alone
  };

  void add(TraceWork work);

  // Groups with a trace that is due, the one with the oldest first.
  std::vector<GroupKey> due_groups(SteadyTime now) const;
  // The oldest due trace of the group and those that may go with it. Never empty for a group that
  // due_groups() named.
  std::vector<TraceWork> take_batch(const GroupKey& group, Limits limits, SteadyTime now);
  // The due trace with the fewest failures: a stuck one does not speak for its scope.
  std::optional<TraceWork> take_probe(const GroupKey& group, SteadyTime now);
  std::vector<TraceWork> take_if(const std::function<bool(const TraceWork&)>& wanted);

  // So many records of these groups or a few more: of the largest groups the newest traces, half of
  // a group at most while it has more than one. Not those that a search or a doubt is about.
  std::vector<TraceWork> take_newest(const std::function<bool(const GroupKey&)>& wanted,
                                     std::size_t records);

  // When the next trace that is not due yet becomes so.
  std::optional<SteadyTime> next_due(SteadyTime now) const;
  std::size_t records() const { return records_; }
  std::size_t traces() const;
  std::vector<GroupKey> groups() const;
  std::size_t traces_in(const std::function<bool(const GroupKey&)>& wanted) const;
  void add_links(LinkSet& to) const;  // of the traces that wait
  std::size_t records_in(const std::function<bool(const GroupKey&)>& wanted) const;

 private:
  struct Group {
    std::map<std::uint64_t, TraceWork> works;  // by sequence
    std::size_t records = 0;
  };
  using Groups = std::map<GroupKey, Group>;
  std::vector<Groups::iterator> largest_first(const std::function<bool(const GroupKey&)>& wanted);
  // Gives how many records that were.
  std::size_t take_newest_of(Groups::iterator group, std::size_t records,
                             std::vector<TraceWork>& to);
  TraceWork remove(Groups::iterator group, std::map<std::uint64_t, TraceWork>::iterator work);
  void drop_if_empty(Groups::iterator group);

  Groups groups_;
  std::size_t records_ = 0;
};

}  // namespace tracelink
