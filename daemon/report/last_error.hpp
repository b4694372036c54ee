#pragma once

#include <string>

#include "daemon/base/clock.hpp"

namespace tracelink {

// What failed last, as `status` shows it.
struct LastError {
  std::string message;
  std::string remedy;
  WallTime at{};
};

}  // namespace tracelink
