#include "systemd/notify.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <system_error>

#include <systemd/sd-daemon.h>

namespace tracelink::systemd {
namespace {

Result<void> notify(const std::string& state) {
  const int sent = sd_notify(0, state.c_str());
  if (sent >= 0) return {};
  return Error{ErrorCode::io, "sd_notify: " + std::generic_category().message(-sent)};
}

}  // namespace

Result<void> ready() { return notify("READY=1"); }

Result<void> reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto since_boot = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(since_boot).count();
  return notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us));
}

Result<void> stopping() { return notify("STOPPING=1"); }

Result<void> status(std::string_view text) {
  std::string line(text);
  std::ranges::replace(line, '\n', ' ');  // a line break would begin another assignment
  return notify("STATUS=" + line);
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  std::uint64_t timeout_us = 0;
  if (sd_watchdog_enabled(0, &timeout_us) <= 0) return std::nullopt;
  return std::chrono::microseconds(timeout_us / 2);
}

Result<void> watchdog() { return notify("WATCHDOG=1"); }

}  // namespace tracelink::systemd
