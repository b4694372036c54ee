#pragma once

#include <map>
#include <string>

#include "daemon/cli/tracking_session.hpp"

namespace tracelink::cli {

// Writes values of metrics, as of now. MLflow keeps a model's metrics with runs only: they go
// through one run of the model's own, found by its tag and made with the first of them.
Answer<void> log_model_metrics(TrackingSession& session, const LoggedModel& model,
                               const std::map<std::string, double>& values);

}  // namespace tracelink::cli
