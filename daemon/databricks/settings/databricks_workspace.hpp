#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/databricks/settings/databricks_values.hpp"

namespace tracelink {

// How requests prove who sends them. The words are those of Databricks' SDK (auth_type).
enum class DatabricksAuth { pat, basic, oauth_m2m, env_oidc, file_oidc, azure_client_secret };
std::string_view to_string(DatabricksAuth auth);

// A workspace and the one credential for it.
struct DatabricksWorkspace {
  std::string host;  // http(s)://host[:port]
  DatabricksAuth auth = DatabricksAuth::pat;
  DatabricksValues values;
  std::string id_token;    // of env-oidc: the JWT that its variable holds
  std::string credential;  // for people: "databricks.client_secret (DATABRICKS_CLIENT_SECRET)"
};

struct DatabricksProblem {
  std::string name;     // of DatabricksValues
  std::string message;  // what is wrong, and what to write; never a secret
};

struct DatabricksResolution {
  std::optional<DatabricksWorkspace> workspace;  // nothing: there are problems
  std::vector<DatabricksProblem> problems;
};

// Which workspace and which credential the values mean, in the order of Databricks' SDK
// (docs/databricks.md#where-the-values-come-from). Pure. `origin_of`: for people, where the value
// of that name was written.
DatabricksResolution resolve_workspace(
    const DatabricksValues& values, const std::map<std::string, std::string>& environment,
    const std::function<std::string(std::string_view name)>& origin_of);

// Whether a profile is looked for: one is named, or nothing else says where and who.
bool needs_profile(const DatabricksValues& values);

}  // namespace tracelink
