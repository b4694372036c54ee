#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "daemon/cli/common.hpp"
#include "daemon/cli/finding.hpp"

// The parts of `tracelink doctor`. Each looks at one thing, changes nothing that stays (but for
// a trace in a Databricks workspace), and says what is wrong with it and what to do.
namespace tracelink::cli {

using Findings = std::vector<Finding>;

// Whether the daemon answers on its socket, and what of its status needs an operator.
Findings examine_daemon(const Context& context);

// The state directory: whether this user may use it, its room, and how long a sync of 4 KiB takes
// there (the median of 20, in a file that is removed again).
Findings examine_state(const Config& config);

// As whom this looks, and as whom the daemon runs: the owner of its control socket.
Finding examine_user(const Context& context, const std::string& state_dir);

// Reachability and version of the tracking server, credentials, its clock, experiment, and the
// model's name. `credentials`: where those come from, as origin_of_credentials() tells.
Findings examine_server(const Config& config, const std::string& credentials);

// The parts that need nothing but what they are given:

// What to do about a server that gave no answer: the cause told apart by libcurl's text, and the
// variable that names the proxy that requests go by ("" if none).
std::string remedy_of_no_answer(const std::string& message, const std::string& uri,
                                const std::string& proxy);
// `ahead`: the server's clock before ours, or negative.
Finding clock_finding(std::chrono::seconds ahead);
// "tracking.token of MLFLOW_TRACKING_TOKEN", "tracking.username of /etc/t.yaml:12", or "" without
// credentials.
std::string origin_of_credentials(const LoadedConfig& loaded);
// The user's name, or the number.
std::string user_name(std::uint32_t uid);

}  // namespace tracelink::cli
