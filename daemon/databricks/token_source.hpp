#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/databricks/settings/databricks_workspace.hpp"
#include "daemon/databricks/token_refusal.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// What a request carries to be let in.
struct Authorization {
  std::vector<std::pair<std::string, std::string>> headers;  // names as they are sent
  std::uint64_t number = 0;                                  // changes whenever `headers` do
};

// Keeps one workspace's token valid.
//
// A token is used until 40 s before it expires. From its half life on, at most 20 minutes before
// the end, the next one is fetched while the old one is still used; a fetch that fails then is
// tried again after 1, 2, 4, … minutes. Without a valid token everybody waits for the one that is
// being fetched, and after a failed fetch nothing is asked for a moment (1 s, doubling up to a
// minute). The workspace's host metadata are read once, before the first token.
//
// Threads: the HttpClient's owner.
//
// Lifetime: outlives every request that it sent, i.e. is destroyed after HttpClient::cancel_all(),
// or before an HttpClient that calls no handlers any more.
class TokenSource {
 public:
  // The configuration again, when a credential was refused: it may have been rotated. Nothing: it
  // cannot be read now.
  using ReadWorkspace = std::function<std::optional<DatabricksWorkspace>()>;
  struct Options {
    DatabricksWorkspace workspace;
    ReadWorkspace read_again = {};
    std::chrono::milliseconds timeout{30'000};  // of one request
    std::string user_agent;                     // tracelinkd/<version>
  };
  using Refusal = TokenRefusal;
  using Handler = std::function<void(std::variant<Authorization, Refusal>)>;

  TokenSource(Options options, HttpClient& http, const FileSystem& fs, const Clock& clock,
              RandomSource& random);
  ~TokenSource();

  // The handler is called from the HttpClient's poll() or cancel_all(), or at once.
  void get(Handler handler);
  // The server refused it: the next one is fetched before anything else is sent. Not if another one
  // is in use by now.
  void drop(std::uint64_t number);
  // How long the current authorization has been in use; nothing without one.
  std::optional<std::chrono::milliseconds> age() const;

  const DatabricksWorkspace& workspace() const;
  std::string user_agent() const;  // tracelinkd/<version> os/linux auth/<type>
  // What to do about a refused credential.
  std::string remedy() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tracelink
