#pragma once

#include <random>

#include "daemon/base/random_source.hpp"

namespace tracelink {

// The same numbers in every run. Threads: one.
class FakeRandomSource final : public RandomSource {
 public:
  explicit FakeRandomSource(std::uint64_t seed = 1) : engine_(seed) {}
  std::uint64_t next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tracelink
