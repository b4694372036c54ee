#include "daemon/base/retry_delay.hpp"

#include <algorithm>
#include <cstdint>

namespace tracelink {

std::chrono::milliseconds RetryDelay::after(
    int failures, RandomSource& random,
    std::optional<std::chrono::milliseconds> retry_after) const {
  constexpr std::chrono::milliseconds kLongestRetryAfter = std::chrono::hours(1);
  auto whole = base;
  for (int n = 1; n < failures && whole < cap; ++n) whole *= 2;
  whole = std::min(whole, cap);
  const auto jittered = whole / 2 + random_below(random, whole / 2);
  return std::max(jittered, std::min(retry_after.value_or(jittered), kLongestRetryAfter));
}

std::chrono::milliseconds random_below(RandomSource& random, std::chrono::milliseconds most) {
  const auto range = static_cast<std::uint64_t>(most.count()) + 1;
  return std::chrono::milliseconds(static_cast<std::int64_t>(random.next() % range));
}

}  // namespace tracelink
