#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace tracelink {

// What the loader sees of its surroundings, so that tests can give others.
struct LoadContext {
  std::map<std::string, std::string> environment;
  std::optional<std::string> config_flag;  // --config
  bool is_root = false;
  std::uint32_t uid = 0;
  std::string cgroup;  // /proc/self/cgroup
  std::string default_file = "/etc/tracelink/tracelinkd.yaml";
  bool model_required = true;  // false for commands that only talk to the tracking server
};

struct ConfigProblem {
  std::string source;        // file, or the variable's name
  int line = 0, column = 0;  // 1-based; 0 when the source has none
  std::string key;           // dotted
  std::string message;       // what was found, what is allowed, the nearest known key, the remedy
  std::string to_string() const;
};

struct LoadedConfig {
  Config config;
  std::map<std::string, std::string>
      origins;                    // dotted key -> "default", "file:12", "TRACELINK_…", "MLFLOW_…"
  std::set<std::string> secrets;  // dotted keys whose value came from ${file:…}
  // Dotted keys that the file sets and a stronger source sets otherwise -> the file's text.
  std::map<std::string, std::string> overridden;
  std::vector<ConfigProblem> warnings;
  std::string file;  // the file that was read, or empty
};

// All problems at once, or the configuration. Reads files (the configuration, ${file:…}); never a
// network.
struct LoadResult {
  std::optional<LoadedConfig> loaded;  // nothing when there are errors
  std::vector<ConfigProblem> errors;
  std::vector<ConfigProblem> warnings;  // with errors: they may tell why; else `loaded` has them
  // With errors: what could be read, defaults for the rest; to find the sockets, and to be shown.
  LoadedConfig partial;
  bool file_unknown = false;  // the file cannot be read, or is not YAML with keys
};
LoadResult load_config(const LoadContext& context);
LoadContext context_of_process();
bool names_file(const LoadContext& context);  // --config or TRACELINK_CONFIG
// With errors: every problem as one text, "error: …" and then "warning: …".
std::vector<std::string> lines_of(const LoadResult& result);

// Every effective value with its origin, each as a line `key = value   # origin`; secrets as
// "********".
std::vector<std::string> show_config(const LoadedConfig& loaded);

}  // namespace tracelink
