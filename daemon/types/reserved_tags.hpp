#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace tracelink {

// Tags by which the daemon knows its models again, and MLflow an external one.
inline constexpr std::array<std::string_view, 3> kReservedTags{
    "tracelink.instance", "tracelink.model_name", "mlflow.model.isExternal"};

inline bool is_reserved_tag(std::string_view key) {
  return std::ranges::find(kReservedTags, key) != kReservedTags.end();
}

}  // namespace tracelink
