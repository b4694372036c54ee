#include "daemon/forward/log_throttle.hpp"

#include <utility>

namespace tracelink {

std::optional<std::uint64_t> LogThrottle::due(const std::string& subject,
                                              const std::string& message) {
  const SteadyTime now = clock_.steady();
  forget_quiet_ones();
  auto [at, is_new] = entries_.try_emplace(subject);
  Entry& entry = at->second;
  if (is_new || entry.message != message) entry = {message, now - std::chrono::minutes(1), 0};
  ++entry.count;
  if (now - entry.logged_at < std::chrono::minutes(1)) return std::nullopt;
  entry.logged_at = now;
  return std::exchange(entry.count, 0);
}

bool LogThrottle::clear(const std::string& subject) { return entries_.erase(subject) > 0; }

void LogThrottle::forget_quiet_ones() {
  const SteadyTime now = clock_.steady();
  std::erase_if(entries_, [&](const auto& entry) {
    return now - entry.second.logged_at > std::chrono::hours(1);
  });
}

}  // namespace tracelink
