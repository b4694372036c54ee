#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "daemon/base/result.hpp"

namespace tracelink {

struct ControlRequest {
  std::string method;
  std::string target;
  std::string body;       // JSON, or empty
  std::string host = {};  // the header, or empty
};

struct ControlReply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::string next = {};  // the target of the next page, for the header Link; or empty
};

// What makes a reply. Work that may wait for the disk or for another thread is slow.
struct ControlWork {
  std::function<ControlReply()> run;
  bool slow = false;
};

// What peers of a control server may cost.
struct ControlLimits {
  std::size_t connections = 64;
  std::chrono::milliseconds timeout{30'000};  // for a request to come, for an answer to be taken
  std::size_t body_bytes = 64u << 10;
};

struct ControlStats {
  std::size_t open = 0;         // connections
  std::uint64_t evicted = 0;    // kept us waiting for longest when one more came
  std::uint64_t timed_out = 0;  // sent no request, or did not take the answer, in time
};

// One HTTP/1.1 side of the daemon: for `tracelink` on a Unix socket of mode 0600 (root and the
// daemon's user, docs/control-api.md), or for metrics and probes on a TCP address
// (docs/metrics.md).
//
// At the bound of connections the one whose client has kept us waiting for longest, for a request
// or with an answer that it does not take, makes room, so that none of these keeps a probe out. One
// answer of slow work is made, kept and sent at a time, so that large answers do not add up; quick
// work never waits for it.
//
// Threads: lives on the io_context's thread. `handler` is called there and takes what it needs of
// that thread's state; the work that it returns runs on one of two other threads, for quick and
// for slow work, so that it never delays intake. The destructor waits for running work.
class ControlServer {
 public:
  using Handler = std::function<ControlWork(ControlRequest)>;  // gives the work of a request

  // Binds and listens; a stale socket file is replaced. Errors as ListeningSocket::open_unix().
  static Result<std::unique_ptr<ControlServer>> open(boost::asio::io_context& io,
                                                     const std::string& path, Handler handler,
                                                     const ControlLimits& limits);
  // The same on "host:port", the form that the configuration has checked. Errors: `io`.
  static Result<std::unique_ptr<ControlServer>> open_tcp(boost::asio::io_context& io,
                                                         const std::string& address,
                                                         Handler handler,
                                                         const ControlLimits& limits);
  virtual ~ControlServer() = default;

  // Closes the listener and every connection, removes the socket file. Waits for nothing.
  virtual void stop() = 0;
  virtual ControlStats stats() const = 0;
  // As Server::ensure_found().
  virtual Result<bool> ensure_found() = 0;
};

}  // namespace tracelink
