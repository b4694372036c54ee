#pragma once

#include <cstdint>

namespace tracelink {

// Attempts to find, create or verify the model of a link, since the start of the process.
struct RegistrationCounters {
  std::uint64_t attempts = 0;
  // Of them, those that ended without a model, by the class of the failure.
  std::uint64_t transient = 0, configuration = 0, poison = 0, unknown = 0;
};

}  // namespace tracelink
