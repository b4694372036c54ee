#pragma once

#include <optional>
#include <string>

#include "config/config.hpp"
#include "daemon/cli/tracking_session.hpp"

namespace tracelink::cli {

// The experiment a command works in: its own options, else the configuration's, else "Default".
Answer<std::string> experiment_of(TrackingSession& session, const Config& config,
                                  const std::string& id, const std::string& name, bool create);

// A model by its id, or by the name that was asked for: the one that the daemon would link to.
Answer<std::optional<LoggedModel>> find_model(TrackingSession& session, const Config& config,
                                              const std::string& id_or_name);

}  // namespace tracelink::cli
