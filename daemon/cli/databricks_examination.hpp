#pragma once

#include "config/config.hpp"
#include "daemon/cli/examination.hpp"
#include "daemon/cli/tracking_session.hpp"

namespace tracelink::cli {

// A Databricks workspace, as far as its credential: which one is used, a token, and what the host
// says of itself. Whether the token is let in shows when the experiment is asked for. The last
// finding tells whether it is worth to go on. Precondition: session.tokens().
Findings examine_workspace(TrackingSession& session);

}  // namespace tracelink::cli
