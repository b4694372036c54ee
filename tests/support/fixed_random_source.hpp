#pragma once

#include <cstdint>

#include "daemon/base/random_source.hpp"

namespace tracelink {

// Always the same number: 0 makes every jitter the least that it can be. Threads: any.
class FixedRandomSource final : public RandomSource {
 public:
  explicit FixedRandomSource(std::uint64_t value = 0) : value_(value) {}
  std::uint64_t next() override { return value_; }

 private:
  const std::uint64_t value_;
};

}  // namespace tracelink
