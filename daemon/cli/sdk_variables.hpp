#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/cli/finding.hpp"

namespace tracelink::cli {

// Whether the variables of this environment send an SDK's traces to the socket, or to `tcp`, the
// loopback listener ("" if there is none), and have it send any at all; `variables`: by name. The
// first one says where they go.
std::vector<Finding> examine_sdk_variables(const std::map<std::string, std::string>& variables,
                                           const std::string& socket, const std::string& tcp);

}  // namespace tracelink::cli
