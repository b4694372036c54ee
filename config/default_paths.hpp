#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace tracelink {

struct DefaultPaths {
  std::string runtime_dir;  // of the sockets
  std::string state_dir;    // empty if there is no home directory to put it in
};

// For a service (root, or systemd gave directories) those of the system, else those of the user.
DefaultPaths default_paths(const std::map<std::string, std::string>& environment, bool is_root,
                           std::uint32_t uid);

}  // namespace tracelink
