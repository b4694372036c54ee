#pragma once

#include <cstdint>

#include "daemon/mlflow/rest/failure_counts.hpp"

namespace tracelink {

// Attempts to find, create or verify the model of a link, since the start of the process.
struct RegistrationCounters {
  std::uint64_t attempts = 0;
  // Of them, those that ended without a model.
  FailureCounts failures;
};

}  // namespace tracelink
