#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace tracelink {

// Of the answer to GET /status (docs/control-api.md) what everybody may know who reaches
// control.http (docs/metrics.md#status-page), as JSON: what is not listed there stays out. Pure.
std::string public_status(const nlohmann::ordered_json& status);

}  // namespace tracelink
