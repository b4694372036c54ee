#pragma once

#include <cstdint>

namespace tracelink {

// What the intake takes, as the operator bounds it: the keys limits.* and listen.max_request_bytes.
// Handed down whole from the configuration to where each is kept (docs/limits.md).
struct Limits {
  std::uint64_t memory = 192ull << 20;  // bytes of requests between the socket and the disk
  std::uint64_t connections = 2000;     // open at once, on all listeners
  std::uint64_t max_request_bytes = 64ull << 20;  // of one request, unpacked
};

}  // namespace tracelink
