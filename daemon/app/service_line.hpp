#pragma once

#include <optional>
#include <string>

#include "daemon/forward/forward_status.hpp"
#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/queue/queue.hpp"

namespace tracelink {

// What `systemctl status` shows of the daemon, at most 300 bytes: the configured model and its
// state (`model` is empty without one), what is queued, and the last error unless it is over. Pure.
std::string service_line(const std::string& model,
                         const std::optional<RegistrationStatus>& registration,
                         const QueueStats& queue, const ForwardStatus& forward);

}  // namespace tracelink
