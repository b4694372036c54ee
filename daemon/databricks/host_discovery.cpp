#include "daemon/databricks/host_discovery.hpp"

#include <string_view>
#include <utility>

namespace tracelink {
namespace {

// A host that does not answer must not keep a credential that needs no answer from being used.
constexpr std::chrono::milliseconds kTimeout{10'000};
constexpr std::string_view kAccountId = "{account_id}";

std::string with_account(std::string url, const std::string& account_id) {
  if (const auto at = url.find(kAccountId); at != std::string::npos) {
    url.replace(at, kAccountId.size(), account_id);
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

bool is_later(const Result<HttpResponse>& answer) {
  return !answer || answer->status == 429 || answer->status >= 500;
}

bool lacks_tls(const DatabricksWorkspace& workspace, const std::string& url) {
  return workspace.host.starts_with("https:") && !url.starts_with("https:");
}

TokenRefusal refusal_of_plain(const std::string& url) {
  return cannot_ask("tokens would come without TLS, from " + url,
                    "Set databricks.discovery_url to the https:// address that the workspace's "
                    "administrator names.");
}

}  // namespace

HostDiscovery::HostDiscovery(HttpClient& http, std::string user_agent)
    : http_(http), user_agent_(std::move(user_agent)) {}

void HostDiscovery::learn(const DatabricksWorkspace& workspace, MetadataHandler handler) {
  if (!needs_metadata(workspace)) return handler();
  ask(workspace.host + "/.well-known/databricks-config",
      [this, handler = std::move(handler)](const HttpRequest&, const Result<HttpResponse>& answer) {
        learned(answer);
        handler();
      });
}

bool HostDiscovery::needs_metadata(const DatabricksWorkspace& workspace) const {
  if (known_) return false;
  const bool by_oauth = workspace.auth == DatabricksAuth::oauth_m2m ||
                        workspace.auth == DatabricksAuth::env_oidc ||
                        workspace.auth == DatabricksAuth::file_oidc;
  return workspace.values.workspace_id.empty() ||
         (by_oauth && workspace.values.discovery_url.empty());
}

void HostDiscovery::learned(const Result<HttpResponse>& answer) {
  known_ = !is_later(answer);
  if (answer) metadata_ = read_host_metadata(*answer);
}

// Empty: the host names none.
std::string HostDiscovery::discovery_url(const DatabricksWorkspace& workspace) const {
  const DatabricksValues& values = workspace.values;
  if (!values.discovery_url.empty()) return values.discovery_url;
  if (metadata_.oidc_endpoint.empty()) return {};
  const std::string& account = values.account_id.empty() ? metadata_.account_id : values.account_id;
  return with_account(metadata_.oidc_endpoint, account) + "/.well-known/oauth-authorization-server";
}

void HostDiscovery::find_endpoint(const DatabricksWorkspace& workspace, EndpointHandler handler) {
  if (!endpoint_.empty()) return handler(endpoint_);
  const std::string standard = workspace.host + "/oidc/v1/token";
  const std::string url = discovery_url(workspace);
  if (url.empty()) return take_endpoint(workspace, standard, handler);
  if (lacks_tls(workspace, url)) return handler(refusal_of_plain(url));
  ask(url, [this, workspace, standard, handler = std::move(handler)](
               const HttpRequest& request, const Result<HttpResponse>& answer) {
    if (is_later(answer)) return handler(refusal_of(request, answer, {}));
    take_endpoint(workspace, read_token_endpoint(*answer).value_or(standard), handler);
  });
}

// A secret that is configured for an encrypted address goes to no other.
void HostDiscovery::take_endpoint(const DatabricksWorkspace& workspace, std::string endpoint,
                                  const EndpointHandler& handler) {
  if (lacks_tls(workspace, endpoint)) return handler(refusal_of_plain(endpoint));
  endpoint_ = std::move(endpoint);
  handler(endpoint_);
}

void HostDiscovery::forget_endpoint() { endpoint_.clear(); }

std::string HostDiscovery::workspace_id(const DatabricksWorkspace& workspace) const {
  const std::string& configured = workspace.values.workspace_id;
  return configured.empty() ? metadata_.workspace_id : configured;
}

void HostDiscovery::ask(const std::string& url, Read read) {
  HttpRequest request;
  request.url = url;
  request.headers = {{"User-Agent", user_agent_}};
  request.timeout = kTimeout;
  http_.send(request, [request, read = std::move(read)](const Result<HttpResponse>& answer) {
    read(request, answer);
  });
}

}  // namespace tracelink
