#pragma once

#include <optional>
#include <set>
#include <utility>

#include "daemon/base/clock.hpp"
#include "ipc/server/memory_budget.hpp"

namespace tracelink {

// When each request has to be answered at the latest. One ordered set and one timer for all of
// them: a timer each would cost two heap operations and a system call more. Threads: one.
class Deadlines {
 public:
  void add(SteadyTime at, RequestId id) { by_time_.emplace(at, id); }
  void remove(SteadyTime at, RequestId id) { by_time_.erase({at, id}); }
  std::optional<SteadyTime> earliest() const;
  std::optional<RequestId> take_expired(SteadyTime now);

 private:
  std::set<std::pair<SteadyTime, RequestId>> by_time_;
};

}  // namespace tracelink
