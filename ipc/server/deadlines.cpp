#include "ipc/server/deadlines.hpp"

namespace tracelink {

std::optional<SteadyTime> Deadlines::earliest() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

std::optional<RequestId> Deadlines::take_expired(SteadyTime now) {
  if (by_time_.empty() || by_time_.begin()->first > now) return std::nullopt;
  const RequestId id = by_time_.begin()->second;
  by_time_.erase(by_time_.begin());
  return id;
}

}  // namespace tracelink
