#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

namespace tracelink::bench {

using SteadyTime = std::chrono::steady_clock::time_point;

// Collects how long each operation took and prints them as one JSON line.
class Latencies {
 public:
  void add(SteadyTime started, SteadyTime ended) {
    micros_.push_back(std::chrono::duration<double, std::micro>(ended - started).count());
  }

  // Precondition: something was added.
  void print(std::chrono::duration<double> elapsed, std::size_t failures) {
    std::sort(micros_.begin(), micros_.end());
    std::printf(R"({"count": %zu, "per_s": %.1f, "p50_us": %.1f, "p99_us": %.1f, "failures": %zu})"
                "\n",
                micros_.size(), static_cast<double>(micros_.size()) / elapsed.count(),
                percentile(0.50), percentile(0.99), failures);
  }

  bool empty() const { return micros_.empty(); }

 private:
  double percentile(double part) const {
    return micros_[static_cast<std::size_t>(part * static_cast<double>(micros_.size() - 1))];
  }

  std::vector<double> micros_;
};

}  // namespace tracelink::bench
