#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/databricks/settings/databricks_workspace.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// The requests for tokens and what is in their answers. Pure; the same bytes as Databricks' SDK
// sends.

// What a workspace says of itself at /.well-known/databricks-config; empty: it does not say.
struct HostMetadata {
  std::string oidc_endpoint, account_id, workspace_id;
};
HostMetadata read_host_metadata(const HttpResponse& answer);  // any answer

// "token_endpoint" of an OAuth authorization server's metadata; nothing: it names none.
std::optional<std::string> read_token_endpoint(const HttpResponse& answer);

struct AccessToken {
  std::string type, text;
  std::chrono::seconds lifetime{0};
};
std::optional<AccessToken> read_access_token(const HttpResponse& answer);
// "invalid_client: Client authentication failed", one line; empty: the answer does not say.
std::string read_token_error(const HttpResponse& answer);

// The tenant that a workspace's login page redirects to; nothing: it does not tell.
std::optional<std::string> read_azure_tenant(const HttpResponse& answer);

// grant_type=client_credentials, with the client's secret by Basic authentication.
HttpRequest client_credentials_request(const DatabricksValues& values, std::string endpoint);
// The exchange of an identity provider's JWT.
HttpRequest token_exchange_request(const DatabricksValues& values, std::string endpoint,
                                   const std::string& id_token);

// Where Azure's tokens come from and what they are for, by the workspace's host.
struct AzureEndpoints {
  std::string login;       // https://login.microsoftonline.com/
  std::string management;  // the resource of the second token
};
AzureEndpoints azure_endpoints(const DatabricksWorkspace& workspace);
inline constexpr const char* kAzureDatabricks = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d";
HttpRequest azure_token_request(const DatabricksWorkspace& workspace, const std::string& tenant,
                                const std::string& resource);

}  // namespace tracelink
