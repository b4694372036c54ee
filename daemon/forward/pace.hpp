#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "daemon/base/clock.hpp"

namespace tracelink {

// How many traces may be sent now: at most the configured rate, and fewer for as long as the server
// says that they come too fast (429).
//
// A token bucket of a tenth of a second's traces, so that batches stay batches. A refusal halves
// the rate, once a second at most; each trace that is taken adds a tenth to it, which at full use
// is a tenth each second. Without a configured rate there is none until the first refusal. It then
// begins at half of what was sent within the last second, and ends when double of that is taken.
// Threads: one. Lifetime: the clock outlives this object.
class Pace {
 public:
  Pace(std::uint32_t max_per_second, const Clock& clock);

  std::size_t allowance() const;
  // When it is not 0 any more; nothing: it is not.
  std::optional<SteadyTime> next_due() const;
  void sent(std::size_t traces);
  // A batch was answered: so many of its traces were not refused for their rate.
  void answered(std::size_t taken, bool refused);
  // 0: no limit.
  double per_second() const { return rate_; }

 private:
  double capacity() const;
  double tokens() const;
  void slow_down();
  void set_rate(double rate);

  const double max_;  // 0: none
  const Clock& clock_;
  double rate_;
  double ceiling_;  // where `rate_` ends to grow
  double tokens_;
  SteadyTime at_;                               // of tokens_
  std::optional<SteadyTime> slowed_;            // last
  std::optional<SteadyTime> second_;            // when the present second of sending began
  std::size_t sent_now_ = 0, sent_before_ = 0;  // in it; in the one before
};

}  // namespace tracelink
