#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/setting.hpp"

namespace tracelink {

// What the environment sets. An empty variable counts as not set.

// TRACELINK_<PATH>. Warns of variables that name no key, or one that only the file can set.
Settings read_tracelink_variables(const std::map<std::string, std::string>& environment,
                                  std::vector<ConfigProblem>& warnings);

// MLflow's own variables, with MLflow's meaning. MLFLOW_ACTIVE_MODEL_ID sets model.id if it is an
// id, else model.name.
Settings read_mlflow_variables(const std::map<std::string, std::string>& environment,
                               std::vector<ConfigProblem>& warnings);

}  // namespace tracelink
