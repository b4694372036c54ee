#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "daemon/base/clock.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// What is on stable storage of the traces that came last: an MLflow SDK that asks is told whether
// all spans of its trace are here, and what it does with the trace waits until the server has it.
// Bounded: the oldest traces are forgotten. Threads: any.
class StoredSpans {
 public:
  static constexpr std::chrono::minutes kRecent{1};
  static constexpr std::size_t kMaxTraces = 65'536;

  explicit StoredSpans(std::size_t max_traces = kMaxTraces) : max_traces_(max_traces) {}

  // `spans`: 0 for an info.
  void add(const TraceId& id, std::uint64_t spans, SteadyTime now) {
    const MutexLock lock(mutex_);
    const auto [at, is_new] = traces_.try_emplace(id);
    at->second.spans += spans;
    at->second.at = now;
    if (!is_new) return;
    order_.push_back(id);
    if (order_.size() <= max_traces_) return;
    traces_.erase(order_.front());
    order_.pop_front();
  }
  std::uint64_t count(const TraceId& id) const {
    const MutexLock lock(mutex_);
    const auto found = traces_.find(id);
    return found == traces_.end() ? 0 : found->second.spans;
  }
  // Something of it came within kRecent.
  bool is_recent(const TraceId& id, SteadyTime now) const {
    const MutexLock lock(mutex_);
    const auto found = traces_.find(id);
    return found != traces_.end() && now - found->second.at < kRecent;
  }

 private:
  struct Stored {
    std::uint64_t spans = 0;
    SteadyTime at{};  // the last of it
  };
  const std::size_t max_traces_;
  mutable Mutex mutex_;
  std::unordered_map<TraceId, Stored, IdHash> traces_ GUARDED_BY(mutex_);
  std::deque<TraceId> order_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
