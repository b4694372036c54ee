#pragma once

#include <nlohmann/json.hpp>

#include "config/load.hpp"

namespace tracelink::cli {

// Every effective value as `config show --json` prints it: key -> {"value", "origin"}. Sizes and
// durations are texts as in the file; secrets are masked.
nlohmann::ordered_json config_json(const LoadedConfig& loaded);

// An empty text is null.
nlohmann::ordered_json json_or_null(const std::string& text);

// As `config check --json` prints it. What a problem's source has no line or key for is null.
nlohmann::ordered_json problem_json(const ConfigProblem& problem);

}  // namespace tracelink::cli
