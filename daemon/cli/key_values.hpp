#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/base/result.hpp"

namespace tracelink::cli {

// KEY=VALUE arguments as a map. Error: `invalid`, for one that is malformed, or whose key is given
// twice.
Result<std::map<std::string, std::string>> parse_pairs(const std::vector<std::string>& pairs);

// The same for tags of models. Error: also for one that the daemon sets itself.
Result<std::map<std::string, std::string>> parse_tags(const std::vector<std::string>& pairs);

// The same with numbers.
Result<std::map<std::string, double>> parse_metrics(const std::vector<std::string>& pairs);

}  // namespace tracelink::cli
