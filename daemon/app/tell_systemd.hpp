#pragma once

#include <spdlog/spdlog.h>

#include "daemon/base/result.hpp"

namespace tracelink {

// Logs what systemd could not be told (systemd/notify.hpp); the daemon goes on.
inline void tell_systemd(const Result<void>& told) {
  if (!told) spdlog::warn("systemd was not told: {}", told.error().message);
}

}  // namespace tracelink
