#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tracelink {

// Upper bounds of buckets in seconds, ascending.
using HistogramBounds = std::array<double, 13>;
// Of one write to the disk, or one request to a server.
inline constexpr HistogramBounds kOperationBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                  0.1,    0.25,  0.5,    1,     5,    30};
// Of what may wait for a server or for an operator.
inline constexpr HistogramBounds kLagBounds{0.5, 1,   2.5,  5,     10,    30,    60,
                                            300, 900, 3600, 21600, 86400, 604800};

// Durations counted by bucket, as Prometheus does. A plain value: it costs an addition.
class DurationHistogram {
 public:
  // The bounds outlive every copy.
  explicit DurationHistogram(const HistogramBounds& bounds) : bounds_(&bounds) {}

  void add(std::chrono::steady_clock::duration duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    const auto bucket = std::ranges::lower_bound(*bounds_, seconds) - bounds_->begin();
    ++counts_.at(static_cast<std::size_t>(bucket));
    sum_ += seconds;
  }

  const HistogramBounds& bounds() const { return *bounds_; }
  // Not cumulative; the last one is of what is over every bound.
  const std::array<std::uint64_t, std::tuple_size_v<HistogramBounds> + 1>& counts() const {
    return counts_;
  }
  double sum_seconds() const { return sum_; }

 private:
  const HistogramBounds* bounds_;
  std::array<std::uint64_t, std::tuple_size_v<HistogramBounds> + 1> counts_{};
  double sum_ = 0;
};

}  // namespace tracelink
