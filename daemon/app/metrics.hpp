#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "daemon/control/control_server.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/queue/queue.hpp"
#include "ipc/server/server_stats.hpp"

namespace tracelink {

struct DroppedLogLines {
  std::uint64_t room = 0;   // nobody read the log fast enough
  std::uint64_t error = 0;  // it could not be written
};

struct MetricInputs {
  QueueStats queue;
  ServerStats intake;
  ForwardStatus forward;
  ControlStats control;  // of the command line's socket
  ControlStats probes;   // of control.http
  DroppedLogLines log_lines_dropped;
  bool model_ready = false;
  WallTime now;
  std::chrono::steady_clock::duration uptime{};
};

// Prometheus' text format (docs/metrics.md lists the names). Pure.
std::string metrics_text(const MetricInputs& inputs);

}  // namespace tracelink
