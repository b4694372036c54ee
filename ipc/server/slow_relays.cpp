#include "ipc/server/slow_relays.hpp"

#include <algorithm>
#include <utility>

namespace tracelink {

SlowRelays::SlowRelays(std::function<std::vector<Delay>()> look) : look_(std::move(look)) {}

std::optional<std::uint64_t> SlowRelays::next(SteadyTime now) {
  if (!looked_at_ || now - *looked_at_ >= kLookEach) {
    looked_at_ = now;
    delays_ = look_();
    std::ranges::sort(delays_);
  }
  if (delays_.empty()) return std::nullopt;
  const std::uint64_t connection = delays_.back().connection;
  delays_.pop_back();
  return connection;
}

}  // namespace tracelink
