#pragma once

#include "daemon/links/link_choice.hpp"
#include "daemon/mlflow/rest/failure.hpp"
#include "daemon/queue/record_source.hpp"

namespace tracelink {

// What an operator is told about a trace that has an obstacle: message and remedy. `accepted`: the
// link that was active when the trace was accepted.
Failure link_failure(LinkObstacle obstacle, const LinkHash& accepted, const RecordSource& source);

}  // namespace tracelink
