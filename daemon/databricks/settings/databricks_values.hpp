#pragma once

#include <string>

namespace tracelink {

// What is configured about a Databricks workspace, each value by the name that it has in the
// configuration file of Databricks' SDK (.databrickscfg). Empty: not set.
struct DatabricksValues {
  std::string profile, config_file;  // which section of which file
  std::string host, auth_type;
  std::string account_id, workspace_id, discovery_url, scopes, group_id;
  std::string token;
  std::string username, password;
  std::string client_id, client_secret;
  std::string oidc_token_env, oidc_token_filepath;
  std::string azure_workspace_resource_id, azure_client_id, azure_client_secret, azure_tenant_id,
      azure_environment;
};

}  // namespace tracelink
