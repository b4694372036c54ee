#pragma once

#include <functional>
#include <string>

#include "daemon/app/metrics.hpp"
#include "daemon/control/control_server.hpp"

namespace tracelink {

struct ProbeInputs {
  MetricInputs metrics;
  bool serving = false;   // the intake socket is open
  bool delivers = false;  // there is a forwarder thread
  SteadyTime now;
  std::string address;  // control.http
  std::string machine;  // this machine's name
  // Of the status page, made when they are asked for.
  std::function<std::string()> status, history;
};

// Answers one request at control.http (docs/metrics.md).
ControlReply handle_probe(const ControlRequest& request, const ProbeInputs& inputs);

}  // namespace tracelink
