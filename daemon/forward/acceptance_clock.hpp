#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "daemon/base/clock.hpp"
#include "daemon/queue/queue.hpp"

namespace tracelink {

// When records were accepted, on the steady clock.
//
// The wall clock of an acceptance counts only as far as the order of the sequences allows: nothing
// was accepted before its predecessor, or later than now. Where the wall clock was set, forwards or
// backwards, what follows is corrected by the difference, so that no trace grows old or young by
// that. Memory: one entry for each time that the clock was set, bounded. Threads: one.
class AcceptanceClock {
 public:
  explicit AcceptanceClock(const Clock& clock)
      : clock_(clock), start_(clock.steady()), start_wall_(clock.wall()) {}

  SteadyTime of(const StoredRecord& stored);

 private:
  using Correction = std::chrono::nanoseconds;
  SteadyTime by_wall(WallTime accepted_at, Correction correction) const;
  Correction correction_at(std::uint64_t sequence) const;

  const Clock& clock_;
  const SteadyTime start_;
  const WallTime start_wall_;
  std::map<std::uint64_t, Correction> corrections_;       // from this sequence on
  std::uint64_t last_sequence_ = 0;                       // the highest one seen
  SteadyTime last_{std::chrono::hours(-24 * 365 * 100)};  // and when it was accepted
};

}  // namespace tracelink
