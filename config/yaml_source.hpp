#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/setting.hpp"

namespace tracelink {

// The settings of a YAML document, with ${…} expanded. Appends to `errors`: syntax, unknown and
// duplicate keys, values of the wrong shape, expansions that fail. What is right is returned
// nevertheless, so that its values can be checked in the same run. Appends to `warnings` what is
// expanded to nothing. Nothing: the text is not one document of keys.
std::optional<Settings> read_yaml(const std::string& text, const std::string& file_name,
                                  const std::map<std::string, std::string>& environment,
                                  std::vector<ConfigProblem>& errors,
                                  std::vector<ConfigProblem>& warnings);

}  // namespace tracelink
