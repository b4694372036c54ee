#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/setting.hpp"

namespace tracelink {

// A configuration while it is being made: every value is of its key's syntax.
struct Draft {
  LoadedConfig loaded;
  std::map<std::string, Setting> settings;  // where the values that are not defaults come from
  std::vector<ConfigProblem> errors;
  bool file_unknown = false;  // see LoadResult
};

// At the place where the key is set.
ConfigProblem problem_of(const Draft& draft, const std::string& key, std::string message);

// Fills in what depends on the surroundings and checks what depends on several values: default
// paths, `version: git`, the tracking URI and its credentials, the model. Without the file only the
// paths and the URI: what is missing elsewhere may be in it.
void complete(Draft& draft, const LoadContext& context);

}  // namespace tracelink
