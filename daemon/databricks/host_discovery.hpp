#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <variant>

#include "daemon/databricks/oauth_messages.hpp"
#include "daemon/databricks/settings/databricks_workspace.hpp"
#include "daemon/databricks/token_refusal.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// Asks a workspace's host for what is not configured: the workspace's id, and where tokens come
// from. A host that answers without saying so (404) has its tokens at /oidc/v1/token, which
// Databricks' SDK does not try.
// Threads and lifetime: as TokenSource, which owns it.
class HostDiscovery {
 public:
  using MetadataHandler = std::function<void()>;
  using EndpointHandler = std::function<void(std::variant<std::string, TokenRefusal>)>;

  HostDiscovery(HttpClient& http, std::string user_agent);

  // Calls the handler once the metadata are known or could not be had, at once if nothing is to be
  // asked. What could not be had is asked for again with the next token.
  void learn(const DatabricksWorkspace& workspace, MetadataHandler handler);
  // Where tokens come from; after learn().
  void find_endpoint(const DatabricksWorkspace& workspace, EndpointHandler handler);
  void forget_endpoint();

  // Configured or learned; empty: not known.
  std::string workspace_id(const DatabricksWorkspace& workspace) const;

 private:
  using Read = std::function<void(const HttpRequest&, const Result<HttpResponse>&)>;

  bool needs_metadata(const DatabricksWorkspace& workspace) const;
  void learned(const Result<HttpResponse>& answer);
  std::string discovery_url(const DatabricksWorkspace& workspace) const;
  void ask(const std::string& url, Read read);
  void take_endpoint(const DatabricksWorkspace& workspace, std::string endpoint,
                     const EndpointHandler& handler);

  HttpClient& http_;
  const std::string user_agent_;
  HostMetadata metadata_;
  bool known_ = false;  // the host has said all that it has to say
  std::string endpoint_;
};

}  // namespace tracelink
