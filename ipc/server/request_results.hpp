#pragma once

#include <cstdint>

#include "ipc/server/reply.hpp"

namespace tracelink {

// How the answers to export requests of one protocol ended.
struct RequestResults {
  std::uint64_t stored = 0;    // all spans
  std::uint64_t partial = 0;   // some spans were refused by partial success
  std::uint64_t overload = 0;  // the client was told to try again
  std::uint64_t refused = 0;   // and will be again

  void count(const Reply& reply) {
    if (reply.code == RpcCode::unavailable) {
      ++overload;
    } else if (!reply.ok()) {
      ++refused;
    } else {
      ++(reply.rejected_spans > 0 ? partial : stored);
    }
  }
};

}  // namespace tracelink
