#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/base/file_system.hpp"
#include "daemon/databricks/host_discovery.hpp"
#include "daemon/databricks/settings/databricks_workspace.hpp"
#include "daemon/databricks/token_refusal.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// What one fetch brings.
struct TokenGrant {
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::chrono::seconds> lifetime;  // nothing: it has no known end
};

// Gets what the credential of a workspace stands for, one at a time: a grant, or why there is none.
// Threads and lifetime: as TokenSource, which owns it.
class TokenFetch {
 public:
  using Done = std::function<void(std::variant<TokenGrant, TokenRefusal>)>;

  TokenFetch(HttpClient& http, const FileSystem& fs, std::chrono::milliseconds timeout,
             std::string user_agent);

  // `done` is called from the HttpClient's poll(), or at once. Precondition: none is under way.
  void start(const DatabricksWorkspace& workspace, Done done);

 private:
  void authenticate();
  void exchange(const std::string& endpoint);
  void find_tenant();
  void fetch_azure(const std::string& tenant);
  void fetch_management(const std::string& tenant, const TokenGrant& grant);
  void ask(HttpRequest request, std::function<void(const HttpResponse&)> read);
  void refuse(const HttpRequest& request, Result<HttpResponse> answer);
  void finish(std::variant<TokenGrant, TokenRefusal> result);
  TokenGrant granted(std::vector<std::pair<std::string, std::string>> headers,
                     std::optional<std::chrono::seconds> lifetime) const;
  Result<std::string> id_token() const;

  HttpClient& http_;
  const FileSystem& fs_;
  const std::chrono::milliseconds timeout_;
  const std::string user_agent_;
  HostDiscovery discovery_;
  DatabricksWorkspace workspace_;
  std::string jwt_;  // the last that was exchanged
  Done done_;
};

// What an operator does when the credential is refused.
std::string credential_remedy(const DatabricksWorkspace& workspace);

}  // namespace tracelink
