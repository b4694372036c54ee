#pragma once

#include <cstdint>

namespace tracelink {

// Randomness for jitter, instance tags and segment ids; a fake makes tests repeatable. Threads:
// any.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual std::uint64_t next() = 0;
};

// getrandom(2).
class SystemRandomSource final : public RandomSource {
 public:
  std::uint64_t next() override;
};

}  // namespace tracelink
