#include "daemon/databricks/token_fetch.hpp"

#include <algorithm>
#include <string_view>

#include "daemon/databricks/oauth_messages.hpp"
#include "daemon/text/base64.hpp"
#include "daemon/text/blanks.hpp"
#include "daemon/text/percent.hpp"
#include "daemon/text/secret.hpp"

namespace tracelink {
namespace {

std::string principal_of(const DatabricksValues& values) {
  return values.client_id.empty() ? "the service principal"
                                  : "the service principal " + values.client_id;
}

// Authorization servers and gateways repeat what they refuse, and what they say goes to the log.
void hide_secrets(HttpResponse& answer, const DatabricksValues& values, const std::string& jwt) {
  const std::string basic = base64(values.client_id + ":" + values.client_secret);
  for (const std::string& secret : {values.client_secret, values.azure_client_secret, jwt, basic}) {
    hide_secret(answer.body, secret);
    hide_secret(answer.body, percent_encode(secret));
  }
}

}  // namespace

TokenFetch::TokenFetch(HttpClient& http, const FileSystem& fs, std::chrono::milliseconds timeout,
                       std::string user_agent)
    : http_(http),
      fs_(fs),
      timeout_(timeout),
      user_agent_(std::move(user_agent)),
      discovery_(http, user_agent_) {}

void TokenFetch::start(const DatabricksWorkspace& workspace, Done done) {
  workspace_ = workspace;
  done_ = std::move(done);
  discovery_.learn(workspace_, [this] { authenticate(); });
}

void TokenFetch::authenticate() {
  const DatabricksValues& values = workspace_.values;
  switch (workspace_.auth) {
    case DatabricksAuth::pat:
      return finish(granted({{"Authorization", "Bearer " + values.token}}, {}));
    case DatabricksAuth::basic:
      return finish(granted(
          {{"Authorization", "Basic " + base64(values.username + ":" + values.password)}}, {}));
    case DatabricksAuth::oauth_m2m:
    case DatabricksAuth::env_oidc:
    case DatabricksAuth::file_oidc:
      return discovery_.find_endpoint(workspace_, [this](const auto& found) {
        if (const auto* refusal = std::get_if<TokenRefusal>(&found)) return finish(*refusal);
        exchange(std::get<std::string>(found));
      });
    case DatabricksAuth::azure_client_secret:
      return values.azure_tenant_id.empty() ? find_tenant() : fetch_azure(values.azure_tenant_id);
  }
}

void TokenFetch::exchange(const std::string& endpoint) {
  HttpRequest request;
  if (workspace_.auth == DatabricksAuth::oauth_m2m) {
    request = client_credentials_request(workspace_.values, endpoint);
  } else {
    const auto token = id_token();
    if (!token) return finish(cannot_ask(token.error().message, credential_remedy(workspace_)));
    jwt_ = *token;
    request = token_exchange_request(workspace_.values, endpoint, jwt_);
  }
  ask(request, [this, request](const HttpResponse& answer) {
    const auto token = read_access_token(answer);
    if (!token) return refuse(request, answer);
    finish(granted({{"Authorization", token->type + " " + token->text}}, token->lifetime));
  });
}

// Read at each exchange: what writes it renews it.
Result<std::string> TokenFetch::id_token() const {
  if (workspace_.auth == DatabricksAuth::env_oidc) return workspace_.id_token;
  const std::string& file = workspace_.values.oidc_token_filepath;
  auto text = read_file(fs_, file);
  if (!text) return std::move(text).error().within(file);
  std::string token(trimmed(*text));
  if (token.empty()) return Error{ErrorCode::invalid, file + " is empty"};
  return token;
}

void TokenFetch::find_tenant() {
  HttpRequest request;
  request.url = workspace_.host + "/aad/auth";
  ask(request, [this](const HttpResponse& answer) {
    if (const auto tenant = read_azure_tenant(answer)) return fetch_azure(*tenant);
    finish(cannot_ask("the workspace does not tell its tenant",
                      "Set databricks.azure_tenant_id (ARM_TENANT_ID)."));
  });
}

void TokenFetch::fetch_azure(const std::string& tenant) {
  const HttpRequest request = azure_token_request(workspace_, tenant, kAzureDatabricks);
  ask(request, [this, request, tenant](const HttpResponse& answer) {
    const auto token = read_access_token(answer);
    if (!token) return refuse(request, answer);
    TokenGrant grant = granted({{"Authorization", "Bearer " + token->text}}, token->lifetime);
    const std::string& resource = workspace_.values.azure_workspace_resource_id;
    if (!resource.empty()) {
      grant.headers.emplace_back("X-Databricks-Azure-Workspace-Resource-Id", resource);
    }
    fetch_management(tenant, grant);
  });
}

// The second token, by which a principal that is not in the workspace yet is let in.
void TokenFetch::fetch_management(const std::string& tenant, const TokenGrant& grant) {
  const HttpRequest request =
      azure_token_request(workspace_, tenant, azure_endpoints(workspace_).management);
  ask(request, [this, request, grant](const HttpResponse& answer) {
    const auto token = read_access_token(answer);
    if (!token) return refuse(request, answer);
    TokenGrant both = grant;
    both.headers.emplace_back("X-Databricks-Azure-SP-Management-Token", token->text);
    both.lifetime = std::min(*both.lifetime, token->lifetime);
    finish(std::move(both));
  });
}

// An answer of any kind goes to `read`.
void TokenFetch::ask(HttpRequest request, std::function<void(const HttpResponse&)> read) {
  request.timeout = timeout_;
  request.headers.emplace_back("User-Agent", user_agent_);
  http_.send(request, [this, request, read = std::move(read)](const Result<HttpResponse>& answer) {
    if (!answer) return refuse(request, answer);
    read(*answer);
  });
}

void TokenFetch::refuse(const HttpRequest& request, Result<HttpResponse> answer) {
  if (answer) hide_secrets(*answer, workspace_.values, jwt_);
  if (answer && answer->status == 404) discovery_.forget_endpoint();
  finish(refusal_of(request, answer, credential_remedy(workspace_)));
}

// `done_` may start the next one.
void TokenFetch::finish(std::variant<TokenGrant, TokenRefusal> result) {
  std::exchange(done_, {})(std::move(result));
}

TokenGrant TokenFetch::granted(std::vector<std::pair<std::string, std::string>> headers,
                               std::optional<std::chrono::seconds> lifetime) const {
  const std::string id = discovery_.workspace_id(workspace_);
  if (!id.empty()) headers.emplace_back("x-databricks-org-id", id);
  return {.headers = std::move(headers), .lifetime = lifetime};
}

std::string credential_remedy(const DatabricksWorkspace& workspace) {
  const DatabricksValues& values = workspace.values;
  std::string refused = workspace.host + " refuses " + workspace.credential + ": ";
  switch (workspace.auth) {
    case DatabricksAuth::pat:
      return refused +
             "it is another workspace's, has expired or was revoked. Make a new token (Settings > "
             "Developer > Access tokens) and set it there.";
    case DatabricksAuth::basic:
      return refused +
             "Databricks ends user names with passwords. Use a token or a service principal.";
    case DatabricksAuth::oauth_m2m:
      return refused + "make a new OAuth secret for " + principal_of(values) +
             " and set it there, and see that the principal is assigned to the workspace.";
    case DatabricksAuth::env_oidc:
    case DatabricksAuth::file_oidc:
      return refused + "see that the token is fresh, and that a federation policy of " +
             (values.client_id.empty() ? "the account" : principal_of(values)) +
             " names its issuer, subject and audience.";
    case DatabricksAuth::azure_client_secret:
      return refused + "make a new client secret for the application " + values.azure_client_id +
             " in Microsoft Entra and set it there, and see that the tenant is right.";
  }
  return refused;
}

}  // namespace tracelink
