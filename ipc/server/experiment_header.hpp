#pragma once

#include <cstddef>
#include <string_view>

namespace tracelink {

// A header (gRPC: metadata) by which a client names the MLflow experiment of its traces.
inline constexpr std::string_view kExperimentHeader = "x-mlflow-experiment-id";
inline constexpr std::size_t kMaxExperimentBytes = 128;
inline constexpr std::string_view kLongExperiment =
    "x-mlflow-experiment-id is longer than 128 bytes";

}  // namespace tracelink
