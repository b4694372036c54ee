#pragma once

#include <string_view>

#include "daemon/app/metrics.hpp"
#include "daemon/control/control_server.hpp"

namespace tracelink {

struct ProbeInputs {
  MetricInputs metrics;
  bool serving = false;   // the intake socket is open
  bool delivers = false;  // there is a forwarder thread
  SteadyTime now;
};

// Answers one request at control.http (docs/metrics.md). Pure.
ControlReply handle_probe(const ControlRequest& request, const ProbeInputs& inputs);

}  // namespace tracelink
