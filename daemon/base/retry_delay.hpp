#pragma once

#include <chrono>
#include <optional>

#include "daemon/base/random_source.hpp"

namespace tracelink {

// Capped exponential back-off with jitter: the n-th failure in a row waits between half of and the
// whole of min(cap, base · 2^(n-1)), so that many clients do not come back together.
struct RetryDelay {
  std::chrono::milliseconds base{1'000};
  std::chrono::milliseconds cap{60'000};

  // `failures` >= 1. What the server asked for by Retry-After is the least, up to an hour.
  std::chrono::milliseconds after(int failures, RandomSource& random,
                                  std::optional<std::chrono::milliseconds> retry_after = {}) const;
};

// Between two looks at what an operator has to mend.
inline constexpr std::chrono::milliseconds kOperatorWait{60'000};

// 0 <= result <= most, evenly.
std::chrono::milliseconds random_below(RandomSource& random, std::chrono::milliseconds most);

}  // namespace tracelink
