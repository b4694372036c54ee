#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "daemon/base/clock.hpp"

namespace tracelink {

// How far the wall clock was set, forwards and backwards, while the process runs.
//
// Memory: one entry for each time that it was set, bounded; the first ones are forgotten first.
// Threads: one at a time.
class WallClockSteps {
 public:
  explicit WallClockSteps(const Clock& clock);

  // Records from this sequence on have the time of the clock as it is now.
  void note(std::uint64_t sequence);

  // A record's time, as the wall clock would show it had it been as it is now.
  WallTime as_of_now(std::uint64_t sequence, WallTime accepted_at) const;

 private:
  using Offset = std::chrono::nanoseconds;  // of the wall clock from the steady one
  Offset offset_now() const;

  const Clock& clock_;
  std::map<std::uint64_t, Offset> offsets_;  // from this sequence on
};

}  // namespace tracelink
