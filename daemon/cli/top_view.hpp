#pragma once

#include <cstddef>
#include <optional>

#include <nlohmann/json.hpp>

namespace tracelink::cli {

// Two looks at a daemon's status (docs/control-api.md), and where the cursor is.
struct TopView {
  nlohmann::json now;
  std::optional<nlohmann::json> before;  // nothing: no rates yet
  double seconds = 0;                    // between the two
  std::size_t selected = 0;              // of what is held
};

}  // namespace tracelink::cli
