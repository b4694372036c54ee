#pragma once

#include <cstdint>
#include <map>

#include "daemon/base/clock.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// How many traces were delivered under each link since the start of the process, and when the last.
// Memory: 1,000 links; the one that had no delivery for longest makes room. Threads: any.
class LinkDeliveries {
 public:
  struct Entry {
    std::uint64_t traces = 0;
    SteadyTime last_at{};  // of traces, if there are any
  };
  void add(const LinkHash& link, SteadyTime now);
  Entry of(const LinkHash& link) const;

 private:
  mutable Mutex mutex_;
  std::map<LinkHash, Entry> entries_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
