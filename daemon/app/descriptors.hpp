#pragma once

#include <cstddef>

#include "daemon/base/result.hpp"

namespace tracelink {

// The number of files that the process may open, after its soft limit was raised as far as the hard
// limit allows.
std::size_t raised_descriptor_limit();

struct DescriptorWishes {
  std::size_t clients = 0;
  std::size_t deliveries = 0;  // connections to the tracking server
  bool relays = false;         // requests of MLflow's SDK are passed on
};

// Connections that may be open at a time.
struct DescriptorShares {
  std::size_t clients = 0;
  std::size_t control = 0;  // of the command line's socket
  std::size_t probes = 0;   // of control.http
  std::size_t relayed = 0;  // requests that are passed on

  bool operator==(const DescriptorShares&) const = default;
};

// The shares of a process that may open `limit` files, such that the state directory and deliveries
// always find a descriptor: what is wished for, or less where the limit is small. Error: `invalid`,
// no start makes sense with so few.
Result<DescriptorShares> share_descriptors(std::size_t limit, const DescriptorWishes& wishes);

}  // namespace tracelink
