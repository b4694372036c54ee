#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tracelink {

// A header (gRPC: metadata) by which a client names the MLflow experiment of its traces.
inline constexpr std::string_view kExperimentHeader = "x-mlflow-experiment-id";
inline constexpr std::size_t kMaxExperimentHeaderBytes = 128;
inline constexpr std::string_view kLongExperiment =
    "x-mlflow-experiment-id and x-mlflow-run-id are longer than 128 bytes";

// The one by which a client names a run that its traces are linked to. It travels behind the
// experiment, after a line break, which no header holds: "12\nrun", "\nrun", or "12".
inline constexpr std::string_view kRunHeader = "x-mlflow-run-id";

struct ExperimentAndRun {
  std::string_view experiment, run;
};
inline ExperimentAndRun split_experiment(std::string_view text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return {text, {}};
  return {text.substr(0, end), text.substr(end + 1)};
}
inline std::string join_experiment(std::string_view experiment, std::string_view run) {
  std::string text(experiment);
  if (!run.empty()) text.append("\n").append(run);
  return text;
}

}  // namespace tracelink
