#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/base/clock.hpp"

namespace tracelink {

// Which relayed requests are given up for those that wait for a place: the ones that their clients
// keep waiting, the longest first. One look at all connections serves everybody who asks until the
// next one, so that its cost does not grow with those who wait.
//
// Threads: io thread.
class SlowRelays {
 public:
  static constexpr std::chrono::milliseconds kLookEach{50};

  struct Delay {
    SteadyTime::duration time{};
    std::uint64_t connection = 0;
    auto operator<=>(const Delay&) const = default;
  };

  // `look`: every connection that keeps its request waiting now, in any order.
  explicit SlowRelays(std::function<std::vector<Delay>()> look);

  // The next one, as of the last look; since then it may have ended, or be slow no more. Each is
  // told once a look. Nothing: no further one was seen.
  std::optional<std::uint64_t> next(SteadyTime now);

 private:
  const std::function<std::vector<Delay>()> look_;
  std::vector<Delay> delays_;  // the longest last
  std::optional<SteadyTime> looked_at_;
};

}  // namespace tracelink
