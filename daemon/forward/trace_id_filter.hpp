#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/types/ids.hpp"

namespace tracelink {

// A set of trace ids in a fixed amount of memory (a Bloom filter): what was added is found, and at
// most 1 of 1,000 others is found too. With more than `max_ids` in it, it finds nothing any more,
// rather than everything.
// Trace ids are chosen by peers, so the bits depend on a secret. Threads: one.
class TraceIdFilter {
 public:
  static constexpr std::size_t kMaxIds = 1'048'576;

  explicit TraceIdFilter(std::uint64_t secret, std::size_t max_ids = kMaxIds)
      : secret_(secret), max_ids_(max_ids) {}

  void add(const TraceId& id);
  bool contains(const TraceId& id) const;
  void clear();

 private:
  std::uint64_t secret_;
  std::size_t max_ids_;
  std::size_t added_ = 0;   // ids, however often each
  std::vector<bool> bits_;  // empty until the first add()
};

}  // namespace tracelink
