#pragma once

#include <string>

#include "daemon/cli/examination.hpp"
#include "daemon/cli/tracking_session.hpp"

namespace tracelink::cli {

// What a daemon would do in a Databricks workspace, done once: a PENDING model is made and deleted
// again, a trace of one span is stored where the experiment keeps its traces, and read back. The
// trace stays; its name is "tracelink doctor". Precondition: session.databricks().
Findings examine_delivery(TrackingSession& session, const std::string& experiment_id);

}  // namespace tracelink::cli
