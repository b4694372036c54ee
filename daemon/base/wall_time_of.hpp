#pragma once

#include "daemon/base/clock.hpp"

namespace tracelink {

// When an event of this process was, or will be, as the wall clock counts now. So its age is that
// of the steady clock, and its order that of the events, whatever the wall clock was set to since.
inline WallTime wall_time_of(SteadyTime event, const Clock& clock) {
  return clock.wall() - std::chrono::duration_cast<WallTime::duration>(clock.steady() - event);
}

}  // namespace tracelink
