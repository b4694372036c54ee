#include "config/default_paths.hpp"

namespace tracelink {

DefaultPaths default_paths(const std::map<std::string, std::string>& environment, bool is_root,
                           std::uint32_t uid) {
  // A relative path would mean another place in each working directory; the XDG specification says
  // to ignore one.
  const auto variable = [&](const char* name) {
    const auto found = environment.find(name);
    const bool usable = found != environment.end() && found->second.starts_with('/');
    return usable ? found->second : std::string();
  };
  const auto first_of_list = [](const std::string& list) { return list.substr(0, list.find(':')); };
  const auto under = [](const std::string& parent, const std::string& child) {
    return parent.empty() ? std::string() : parent + child;
  };
  const auto first_nonempty = [](const std::string& a, const std::string& b) {
    return a.empty() ? b : a;
  };

  const std::string given_runtime = first_of_list(variable("RUNTIME_DIRECTORY"));
  const std::string given_state = first_of_list(variable("STATE_DIRECTORY"));
  if (is_root || !given_runtime.empty() || !given_state.empty()) {
    return {first_nonempty(given_runtime, "/run/tracelink"),
            first_nonempty(given_state, "/var/lib/tracelink")};
  }
  return {first_nonempty(under(variable("XDG_RUNTIME_DIR"), "/tracelink"),
                         "/tmp/tracelink-" + std::to_string(uid)),
          first_nonempty(under(variable("XDG_STATE_HOME"), "/tracelink"),
                         under(variable("HOME"), "/.local/state/tracelink"))};
}

}  // namespace tracelink
