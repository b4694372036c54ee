#pragma once

#include <spdlog/spdlog.h>

#include "daemon/base/result.hpp"

namespace tracelink {

// Logs what systemd could not be told (systemd/notify.hpp), which is false; the daemon goes on.
inline bool tell_systemd(const Result<void>& told) {
  if (!told) spdlog::warn("systemd was not told: {}", told.error().message);
  return static_cast<bool>(told);
}

}  // namespace tracelink
