#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "daemon/cli/common.hpp"
#include "daemon/cli/finding.hpp"

// The parts of `tracelink doctor`. Each looks at one thing, changes nothing that stays, and says
// what is wrong with it and what to do.
namespace tracelink::cli {

using Findings = std::vector<Finding>;

// Whether the daemon answers on its socket, and what of its status needs an operator.
Findings examine_daemon(const Context& context);

// The state directory: whether this user may use it, its room, and how long a sync of 4 KiB takes
// there (the median of 20, in a file that is removed again).
Findings examine_state(const Config& config);

// Whether the variables of this environment send an SDK's traces to the socket; `variables`: by
// name.
Finding examine_sdk_variables(const std::map<std::string, std::string>& variables,
                              const std::string& socket);

// Reachability and version of the tracking server, credentials, experiment, and the model's name.
Findings examine_server(const Config& config);

// What to do about a server that gave no answer: the cause told apart by libcurl's text, and the
// proxy that requests go by ("" if none). Pure.
std::string remedy_of_no_answer(const std::string& message, const std::string& uri,
                                const std::string& proxy);

}  // namespace tracelink::cli
