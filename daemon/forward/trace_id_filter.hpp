#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/types/ids.hpp"

namespace tracelink {

// A set of trace ids in a fixed amount of memory (a Bloom filter): what was added is found, and a
// few others are found too. With too many in it, it finds nothing any more, rather than everything.
// Trace ids are chosen by peers, so the bits depend on a secret. Threads: one.
class TraceIdFilter {
 public:
  explicit TraceIdFilter(std::uint64_t secret, std::size_t bits = std::size_t{8} << 20)
      : secret_(secret), size_(bits) {}

  void add(const TraceId& id);
  bool contains(const TraceId& id) const;
  void clear();

 private:
  std::uint64_t secret_;
  std::size_t size_;
  std::size_t added_ = 0;
  std::vector<bool> bits_;  // empty until the first add()
};

}  // namespace tracelink
