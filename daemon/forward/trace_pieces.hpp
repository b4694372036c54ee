#pragma once

#include <cstdint>
#include <optional>

#include "daemon/forward/trace_work.hpp"

// Which parts of a trace go now: pure.
namespace tracelink {

bool holds_changes_only(const TraceWork& work);
// Leaves what may be held at once in `work` and gives the rest, if there is one.
std::optional<TraceWork> cut(TraceWork& work, std::uint64_t max_cost);
// Changes go one by one, behind what they change. Gives those that do not go now.
std::optional<TraceWork> leave_changes(TraceWork& work);

}  // namespace tracelink
