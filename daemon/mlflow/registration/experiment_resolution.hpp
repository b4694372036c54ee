#pragma once

#include "daemon/mlflow/rest/tracking_client.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// The experiment of `ref`: by id it must exist, by name it is created when missing. A deleted one
// is a configuration failure. Precondition: `ref` is not empty. Lifetime: like TrackingClient's.
void resolve_experiment(TrackingClient& client, const ExperimentRef& ref,
                        AnswerHandler<Experiment> handler);

}  // namespace tracelink
