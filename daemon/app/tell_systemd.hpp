#pragma once

#include <atomic>

#include <spdlog/spdlog.h>

#include "daemon/base/result.hpp"

namespace tracelink {

// False: systemd could not be told (systemd/notify.hpp). That is logged once, until it can be told
// again; the daemon goes on. Threads: any.
inline bool tell_systemd(const Result<void>& told) {
  static std::atomic<bool> is_told = true;  // of the process, as $NOTIFY_SOCKET is
  const bool was_told = is_told.exchange(static_cast<bool>(told));
  if (!told && was_told) spdlog::warn("systemd was not told: {}", told.error().message);
  return static_cast<bool>(told);
}

}  // namespace tracelink
