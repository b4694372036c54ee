#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "daemon/base/mutex.hpp"

namespace tracelink {

// Spans that were accepted since the start of the process, by their `service.name`.
// Memory: 100 names of at most 200 bytes, the first that come; what is more is "other".
// Threads: any.
class ServiceCounters {
 public:
  using Counts = std::map<std::string, std::uint64_t, std::less<>>;
  static constexpr std::size_t kMostNames = 100;
  static constexpr std::size_t kLongestName = 200;

  // An empty name is counted as "none".
  void add(std::string_view service, std::uint64_t spans);
  Counts all() const;

 private:
  mutable Mutex mutex_;
  Counts spans_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
