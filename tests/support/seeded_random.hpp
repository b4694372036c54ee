#pragma once

#include <cstdint>
#include <random>

#include "daemon/base/random_source.hpp"

namespace tracelink {

// The same numbers for the same seed. Threads: one.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// Always the same number: 0 makes every jitter the least that it can be.
class FixedRandom final : public RandomSource {
 public:
  explicit FixedRandom(std::uint64_t value = 0) : value_(value) {}
  std::uint64_t next() override { return value_; }

 private:
  const std::uint64_t value_;
};

}  // namespace tracelink
