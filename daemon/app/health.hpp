#pragma once

#include <string_view>

#include "daemon/base/clock.hpp"
#include "daemon/forward/forward_status.hpp"

namespace tracelink {

// Whether the forwarder thread, which does a round each second, has done none for a minute.
bool forwarder_hangs(const ForwardStatus& forward, SteadyTime now);

// What is wrong with the daemon itself, in a line, or empty: its forwarder thread hangs, or traces
// could be delivered and none is. A server that is away or refuses and a full queue are no faults.
std::string_view fault_of(const ForwardStatus& forward, SteadyTime now);

}  // namespace tracelink
