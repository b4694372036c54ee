#include "daemon/app/descriptors.hpp"

#include <algorithm>
#include <limits>

#include <sys/resource.h>

namespace tracelink {

namespace {

// The log, listeners, timers, epoll; and segments, journals and letters, of which a few are open at
// a time.
constexpr std::size_t kReserve = 80;

}  // namespace

std::size_t raised_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<std::size_t>::max();
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur;
}

std::size_t clients_within(std::size_t descriptor_limit, std::size_t wanted,
                           std::size_t delivery_connections) {
  const std::size_t others =
      kReserve + kControlConnections + kProbeConnections + delivery_connections;
  const std::size_t left = descriptor_limit > others ? descriptor_limit - others : 0;
  // Connections that are leaving come on top, a 32nd of the clients.
  return std::max<std::size_t>(1, std::min(wanted, left - left / 33));
}

}  // namespace tracelink
