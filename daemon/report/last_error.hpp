#pragma once

#include <optional>
#include <string>

#include "daemon/base/clock.hpp"

namespace tracelink {

// What failed last, as `status` shows it.
struct LastError {
  std::string message;
  std::string remedy;
  SteadyTime at{};
  std::optional<SteadyTime> over_at{};  // when its subject worked again
};

}  // namespace tracelink
