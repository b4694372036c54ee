#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/app/process_stats.hpp"
#include "daemon/control/control_server.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/queue/queue.hpp"
#include "ipc/server/server_stats.hpp"

namespace tracelink {

struct DroppedLogLines {
  std::uint64_t room = 0;   // nobody read the log fast enough
  std::uint64_t error = 0;  // it could not be written
};

struct ModelStates {
  std::uint64_t ready = 0, unresolved = 0, failed = 0;
};

struct MetricInputs {
  QueueStats queue;
  ServerStats intake;
  ForwardStatus forward;
  ControlStats control;  // of the command line's socket
  ControlStats probes;   // of control.http
  DroppedLogLines log_lines_dropped;
  bool model_ready = false;
  ModelStates models;  // of all links in use
  std::string server;  // host and port; empty: none
  ProcessStats process;
  WallTime now;
  std::chrono::steady_clock::duration uptime{};
};

ModelStates model_states(const std::vector<RegistrationStatus>& statuses);
// Host and port of a tracking URI, as the label of a metric.
std::string server_address(std::string_view uri);

// Prometheus' text format (docs/metrics.md lists the names). Pure.
std::string metrics_text(const MetricInputs& inputs);

}  // namespace tracelink
