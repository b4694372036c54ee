#pragma once

#include <chrono>
#include <string>

#include "daemon/forward/forward_status.hpp"
#include "daemon/queue/queue.hpp"
#include "ipc/server/server_stats.hpp"

namespace tracelink {

struct MetricInputs {
  QueueStats queue;
  ServerStats intake;
  ForwardStatus forward;
  bool model_ready = false;
  WallTime now;
  std::chrono::steady_clock::duration uptime{};
};

// Prometheus' text format (docs/metrics.md lists the names). Pure.
std::string metrics_text(const MetricInputs& inputs);

}  // namespace tracelink
