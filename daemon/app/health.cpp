#include "daemon/app/health.hpp"

#include <chrono>

namespace tracelink {

namespace {

constexpr std::chrono::seconds kLongestRound{60};

}  // namespace

bool forwarder_hangs(const ForwardStatus& forward, SteadyTime now) {
  return now - forward.stepped_at > kLongestRound;
}

std::string_view fault_of(const ForwardStatus& forward, SteadyTime now) {
  if (forwarder_hangs(forward, now)) return "the forwarder thread hangs";
  if (forward.is_stuck) return "traces could be delivered, and none is";
  return {};
}

}  // namespace tracelink
