#pragma once

#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// The span ids of a TracesData message, in its order, repeated ones too. Error: `corrupt`.
Result<std::vector<SpanId>> span_ids(std::string_view traces_data);

}  // namespace tracelink
