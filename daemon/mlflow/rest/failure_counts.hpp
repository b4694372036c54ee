#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink {

// How many failures there were of each class.
class FailureCounts {
 public:
  std::uint64_t& operator[](FailureClass failure_class) { return counts_.at(index(failure_class)); }
  std::uint64_t operator[](FailureClass failure_class) const {
    return counts_.at(index(failure_class));
  }
  std::uint64_t total() const {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
  }

 private:
  static std::size_t index(FailureClass failure_class) {
    return static_cast<std::size_t>(failure_class);
  }

  std::array<std::uint64_t, kFailureClasses.size()> counts_{};
};

}  // namespace tracelink
