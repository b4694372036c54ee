#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/types/ids.hpp"

namespace tracelink {

// What MLflow calls a trace: the prefix and 32 hex digits.
inline constexpr std::string_view kTraceNamePrefix = "tr-";
inline constexpr std::size_t kTraceNameDigits = 32;
std::string trace_name(TraceId trace_id);

// Nothing unless it is what trace_name() says of a trace: servers tell names apart by their
// letters, and take any other one, too. Zeros alone name no trace.
std::optional<TraceId> trace_of_name(std::string_view name);

}  // namespace tracelink
