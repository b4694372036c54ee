#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

#include "daemon/base/clock.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// What is known of a trace that was sent, or began to be sent.
struct RecentTrace {
  LinkHash link;  // fixed by the first record
  bool delivered = false;
  bool root_delivered = false;
  WallTime at{};
};

// The traces of the last hour, so that late spans find the link and the steps of their trace. The
// hour lies before the acceptance of what is read now, so that an outage does not shorten it.
// Bounded: the oldest are forgotten first; what comes late for them goes as a trace of its own
// without a root would. Threads: one.
class RecentTraces {
 public:
  explicit RecentTraces(std::size_t capacity = 65'536) : capacity_(capacity) {}

  void remember(const TraceNote& note, WallTime now);
  // Nothing if unknown, or older than an hour.
  std::optional<RecentTrace> find(const TraceId& id, WallTime now) const;
  std::size_t size() const { return traces_.size(); }

 private:
  void forget_old(WallTime now);

  std::size_t capacity_;
  std::unordered_map<TraceId, RecentTrace, IdHash> traces_;
  std::deque<std::pair<WallTime, TraceId>> order_;  // one entry a note
};

}  // namespace tracelink
