#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "daemon/base/clock.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/queue/queue.hpp"

namespace tracelink {

// The last hour in a bounded number of samples, for the plots of the status page.
// Threads: look() on one; json() on any. Lifetime: `clock` outlives it.
class History {
 public:
  static constexpr std::chrono::seconds kStep{5};
  static constexpr std::size_t kMaxSamples = 721;  // an hour of steps

  explicit History(const Clock& clock) : clock_(clock) {}

  // Whether the last sample is a step old.
  bool is_due() const;
  void look(const QueueStats& queue, const ForwardStatus& forward);

  // An object of arrays of one length, oldest first (docs/metrics.md#status-page). A number that is
  // not known is null.
  std::string json() const;

 private:
  struct Sample {
    SteadyTime at;
    std::optional<std::uint64_t> accepted, delivered, queued;
    double oldest_age = 0;  // seconds
    std::uint64_t failures = 0;
    std::uint64_t delivered_traces = 0;
    double lag_sum = 0;  // seconds, of these
  };

  const Clock& clock_;
  mutable Mutex mutex_;
  std::deque<Sample> samples_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
