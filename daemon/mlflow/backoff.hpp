#pragma once

#include <chrono>

#include "daemon/base/random_source.hpp"
#include "daemon/mlflow/failure.hpp"

namespace tracelink {

// How long to wait after a failure before trying again. Transient and unknown ones: full jitter
// below 0.5 s, doubled with each attempt up to 30 s, never before Retry-After. Others: 60 s.
class Backoff {
 public:
  explicit Backoff(RandomSource& random) : random_(random) {}

  std::chrono::milliseconds after(const Failure& failure);
  void reset() { attempts_ = 0; }

 private:
  RandomSource& random_;
  unsigned attempts_ = 0;
};

// 0 <= result <= most, evenly.
std::chrono::milliseconds random_below(RandomSource& random, std::chrono::milliseconds most);

}  // namespace tracelink
