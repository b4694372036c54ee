#pragma once

#include <nlohmann/json.hpp>

#include "daemon/cli/common.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"

namespace tracelink::cli {

// One flat object with the property names of MLflow's documentation.
nlohmann::ordered_json to_json(const LoggedModel& model);
void print_model(const Context& context, const LoggedModel& model);

}  // namespace tracelink::cli
