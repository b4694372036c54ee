#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tracelink::cli {

// What of a daemon's status (docs/control-api.md) needs an operator, a line each: the model cannot
// be registered, the server is down or refuses, the queue takes nothing, a scope or file is held
// and has a remedy. Empty: all is well. What only needs time, such as a queue with spans, is not in
// it. Of what senders see of a status the remedies are left.
std::vector<std::string> troubles_of(const nlohmann::json& status);

}  // namespace tracelink::cli
