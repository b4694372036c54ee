#pragma once

#include <functional>

#include "config/config.hpp"
#include "daemon/app/active_links.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/app/reload.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/control/control_server.hpp"
#include "daemon/queue/queue.hpp"

namespace tracelink {

// What commands change; the references outlive the call.
struct ControlParts {
  const Config& config;
  ActiveLinks& active;
  Queue& queue;
  Delivery& delivery;
  Reload& reload;
  const Clock& clock;
  std::function<Result<void>()> upgrade;  // asks for it
};

// Carries out a POST or DELETE of the control socket (docs/control-api.md): what it changed is
// durable before it answers. Threads: one at a time, not the io or forwarder thread.
ControlReply handle_command(const ControlRequest& request, const ControlParts& parts);

}  // namespace tracelink
