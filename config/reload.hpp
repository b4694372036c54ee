#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/load.hpp"

namespace tracelink {

// What a configuration that was loaded again would change in a daemon that runs. Keys are dotted,
// in the order of the key table.
struct ConfigChange {
  Config config;                        // the running one, with what is taken up at once
  std::vector<std::string> taken_up;    // changed, and in `config`
  std::vector<std::string> restart;     // changed, and taken up by a restart only
  std::vector<std::string> overridden;  // changed in the file, in vain: a stronger source has them
};

// Whether a change of the key is taken up while the daemon runs (docs/configuration.md); of
// tracking.uri only from one HTTP server to another, and without listen.mlflow.
bool is_live(std::string_view key);

// Pure.
ConfigChange changes_between(const LoadedConfig& running, const LoadedConfig& loaded);

}  // namespace tracelink
