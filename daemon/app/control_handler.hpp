#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "daemon/app/active_links.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/app/queue_watch.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/control/control_server.hpp"
#include "daemon/queue/queue.hpp"
#include "ipc/server/server_stats.hpp"

namespace tracelink {

// Whether what is asked for waits for the disk or for delivery: commands, and dead letters.
bool may_be_slow(const ControlRequest& request);

// What the answers are made from; the references outlive the call.
struct StatusInputs {
  const Config& config;
  const Queue& queue;
  ServerStats intake;
  const ActiveLinks& active;
  const Delivery& delivery;
  WallTime now;
  std::chrono::steady_clock::duration uptime;
  const QueueWatch& queue_watch;
  const std::vector<std::string>& notices;  // of the start
};

// Answers a GET of the control socket (docs/control-api.md). Threads: any.
ControlReply handle_control(std::string_view target, const StatusInputs& inputs);

// JSON body of `GET /` on the intake socket: version, endpoints, tracking URI without credentials,
// active model.
std::string describe_intake(const Config& config, const ActiveLinks& active,
                            const Delivery& delivery);

}  // namespace tracelink
