#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/mlflow/rest/logged_model.hpp"
#include "daemon/types/link_definition.hpp"

// The model that a link asks for, as the server is asked for it: pure.
namespace tracelink {

// The server's rules may allow only another name than the one that was asked for.
bool has_portable_name(const LinkDefinition& link);
// The portable names too, unless the policy is `exact`: what another policy, or another server,
// made of the name is the same model.
std::vector<std::string> names_to_search(const LinkDefinition& link);

// How the asked name is told to the server.
enum class NameForm { exact, portable, distinct_portable };

// `creation_tags`: who creates it. `instance`: the value of kInstanceTag.
CreateModel new_model(const LinkDefinition& link, const std::string& experiment_id, NameForm form,
                      const std::map<std::string, std::string>& creation_tags,
                      const std::string& instance);

}  // namespace tracelink
