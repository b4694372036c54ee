#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/result.hpp"

namespace tracelink {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;  // names as they came

// The head of a request that is passed on, without what concerns one connection alone.
struct RelayRequest {
  std::string method;
  std::string target;  // path and query, as the client wrote them
  HttpHeaders headers;
  std::optional<std::uint64_t> body_bytes;  // nothing: as many as come
  // For all of it, the answer's body included; nothing: as long as something comes.
  std::optional<std::chrono::milliseconds> timeout = {};
  // It ends if nothing comes or goes for so long.
  std::chrono::seconds silence{300};
};

struct RelayAnswer {
  int status = 0;
  HttpHeaders headers;  // likewise
};

// Who gets the answer. Threads: called on the relay's, one call at a time.
class RelayTarget {
 public:
  virtual ~RelayTarget() = default;
  virtual void on_answer(RelayAnswer answer) = 0;
  // So many of these bytes are gone at once; Relay::taken() tells of the others.
  virtual std::size_t on_body(std::string bytes) = 0;
  // So much of the request's body has left.
  virtual void on_sent(std::size_t bytes) = 0;
  // The last call. Errors: `unavailable`, `timeout`, `invalid` for what cannot be sent.
  virtual void on_end(Result<void> result) = 0;
};

// Passes requests on to one server, streamed both ways: of each request no more than kRelayWindow
// bytes wait here in either direction. Nothing is added to a request but its connection's headers,
// and nothing is left out but the body of a HEAD.
// Threads: any.
class Relay {
 public:
  using Id = std::uint64_t;

  virtual ~Relay() = default;

  // Nothing, and at no cost, if too many requests are under way. The target is let go behind
  // on_end() or cancel().
  virtual std::optional<Id> begin(const RelayRequest& request,
                                  std::shared_ptr<RelayTarget> target) = 0;
  // More of the body; `last`: that is all. Keep what on_sent() has not told below kRelayWindow.
  virtual void send(Id id, std::string bytes, bool last) = 0;
  // The target has got rid of so much of what on_body() gave: more may come.
  virtual void taken(Id id, std::size_t bytes) = 0;
  virtual void cancel(Id id) = 0;  // on_end() may still come
};

inline constexpr std::size_t kRelayWindow = 64u << 10;

}  // namespace tracelink
