#pragma once

#include <nlohmann/json.hpp>

#include "config/load.hpp"

namespace tracelink::cli {

// Every effective value as `config show --json` prints it: key -> {"value", "origin"}. Sizes and
// durations are texts as in the file; secrets are masked.
nlohmann::ordered_json config_json(const LoadedConfig& loaded);

}  // namespace tracelink::cli
