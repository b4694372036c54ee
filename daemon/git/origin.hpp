#pragma once

#include <map>
#include <string>
#include <string_view>

namespace tracelink {

// Who registers models, and from where. An empty text is "not known".
struct Origin {
  std::string user;     // the CI system's actor, else the user of the process
  std::string place;    // the address of the CI job, or the name of the service unit or container
  bool is_job = false;  // `place` is a CI job

  bool operator==(const Origin&) const = default;
};

// What the variables of CI systems, of the service manager and of containers tell. `cgroup`: the
// text of /proc/self/cgroup, where a unit finds its name. Pure.
Origin origin_in(const std::map<std::string, std::string>& environment, std::string_view cgroup);

}  // namespace tracelink
