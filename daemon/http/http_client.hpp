#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/result.hpp"

namespace tracelink {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds timeout{30'000};
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  bool new_connection = false;  // made for this request: the server may be another one now
  // What an operator does about a refusal, where the client knows more than the server said; the
  // server cannot set it.
  std::string remedy = {};

  // Nothing if absent; `name` in lower case.
  std::optional<std::string_view> header(std::string_view name) const;
};

// Asynchronous HTTP on the owner's thread.
//
// Errors given to handlers: `unavailable` (resolve, connect, TLS, broken connection, an answer that
// is no HTTP), `timeout`, `closed` (cancelled), `too_large` (answer over the client's bound). An
// HTTP status of any kind is not an error.
//
// Threads: everything on the owner's thread, except wakeup().
class HttpClient {
 public:
  using Handler = std::function<void(Result<HttpResponse>)>;
  using RequestId = std::uint64_t;

  virtual ~HttpClient() = default;

  // The handler is called exactly once, from poll() or cancel_all(), never from send().
  virtual RequestId send(HttpRequest request, Handler handler) = 0;
  virtual void cancel(RequestId id) = 0;  // handler gets `closed`, from the next poll()
  virtual void cancel_all() = 0;          // all handlers get `closed` now
  // Runs transfers and calls handlers; waits for at most `timeout` when there is nothing to do.
  virtual void poll(std::chrono::milliseconds timeout) = 0;
  virtual void wakeup() = 0;  // any thread: the current or next poll() returns soon
};

}  // namespace tracelink
