#pragma once

#include <cstddef>

namespace tracelink {

inline constexpr std::size_t kControlConnections = 64;  // of the command line's socket
inline constexpr std::size_t kProbeConnections = 32;    // of control.http

// The number of files that the process may open, after its soft limit was raised as far as the hard
// limit allows.
std::size_t raised_descriptor_limit();

// How many clients can be served so that control connections, deliveries and the state directory
// always find a descriptor: `wanted`, or fewer if the limit is too small for that, at least one.
std::size_t clients_within(std::size_t descriptor_limit, std::size_t wanted,
                           std::size_t delivery_connections);

}  // namespace tracelink
