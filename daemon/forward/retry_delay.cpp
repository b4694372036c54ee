#include "daemon/forward/retry_delay.hpp"

#include <algorithm>

namespace tracelink {

std::chrono::milliseconds RetryDelay::after(
    int failures, RandomSource& random,
    std::optional<std::chrono::milliseconds> retry_after) const {
  constexpr std::chrono::milliseconds kLongestRetryAfter = std::chrono::hours(1);
  auto whole = base;
  for (int n = 1; n < failures && whole < cap; ++n) whole *= 2;
  whole = std::min(whole, cap);
  const auto half = static_cast<std::uint64_t>(whole.count()) / 2;
  const auto jittered = std::chrono::milliseconds(half + random.next() % (half + 1));
  return std::max(jittered, std::min(retry_after.value_or(jittered), kLongestRetryAfter));
}

}  // namespace tracelink
