#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// Of the body of GET /status (docs/control-api.md) what everybody may know who reaches control.http
// (docs/metrics.md#status-page), as JSON: what is not listed there stays out. Pure.
std::string public_status(std::string_view status);

}  // namespace tracelink
