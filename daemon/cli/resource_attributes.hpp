#pragma once

#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink::cli {

// A value of OTEL_RESOURCE_ATTRIBUTES that names the model of a process: `current` without what
// names another one there, and mlflow.modelId or mlflow.modelName for `model`, percent-encoded as
// OpenTelemetry's SDKs decode it. `invalid`: `model` is empty, or an id that was cut.
Result<std::string> name_model(std::string_view current, std::string_view model);

}  // namespace tracelink::cli
