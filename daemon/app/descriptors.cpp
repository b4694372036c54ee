#include "daemon/app/descriptors.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include <sys/resource.h>

#include "daemon/http/curl_relay.hpp"

namespace tracelink {

namespace {

// The log, listeners, timers, epoll; and segments, journals and letters, of which a few are open at
// a time.
constexpr std::size_t kReserve = 80;
// That with one segment, journal and letter at a time.
constexpr std::size_t kLeastReserve = 42;
constexpr std::size_t kLeastShared = 8;

constexpr std::size_t kControlConnections = 64;
constexpr std::size_t kProbeConnections = 32;

std::size_t reserve_of(std::size_t limit) { return std::min(kReserve, kLeastReserve + limit / 16); }

Error too_few(std::size_t limit, std::size_t deliveries) {
  std::size_t enough = limit;
  while (enough < reserve_of(enough) + deliveries + kLeastShared) ++enough;
  return {ErrorCode::invalid, "the process may open " + std::to_string(limit) +
                                  " files and needs at least " + std::to_string(enough) +
                                  ": raise that (LimitNOFILE= of the unit, ulimit -n)"};
}

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

Result<DescriptorShares> share_descriptors(std::size_t limit, const DescriptorWishes& wishes) {
  const std::size_t reserve = reserve_of(limit) + wishes.deliveries;
  if (limit < reserve + kLeastShared) return too_few(limit, wishes.deliveries);
  const std::size_t shared = limit - reserve;
  DescriptorShares shares;
  shares.control = std::min(kControlConnections, shared / 4);
  shares.probes = std::min(kProbeConnections, shared / 8);
  shares.relayed = wishes.relays ? std::min(CurlRelay::kMaxRequests, shared / 4) : 0;
  const std::size_t left = shared - shares.control - shares.probes - shares.relayed;
  // Connections that are leaving come on top, a 32nd of the clients.
  shares.clients = std::min(wishes.clients, left - left / 33);
  return shares;
}

}  // namespace tracelink
