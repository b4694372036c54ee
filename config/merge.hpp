#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/setting.hpp"

namespace tracelink {

// The strongest setting of each key. The model's identity (id, name, version) and the experiment
// (id, name) are each taken whole from the strongest source that sets any of theirs to something.
std::map<std::string, Setting> merge(const std::vector<Settings>& strongest_first);

// Credentials in the tracking URI that is in force become settings of its source, unless that has
// its own: they win over those of weaker sources, and go to no other server. The URI stays as it
// is.
void take_credentials_of_uri(std::vector<Settings>& strongest_first);

// What contradicts itself within one source, and ids that are none.
void check_identities(const Settings& source, std::vector<ConfigProblem>& errors);

}  // namespace tracelink
