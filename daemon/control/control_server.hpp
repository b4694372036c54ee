#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include "daemon/base/result.hpp"

namespace tracelink {

struct ControlRequest {
  std::string method;
  std::string target;
  std::string body;  // JSON, or empty
};

struct ControlReply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
};

// One HTTP/1.1 side of the daemon: for `tracelink` on a Unix socket of mode 0600 (root and the
// daemon's user, docs/control-api.md), or for metrics and probes on a TCP address
// (docs/metrics.md).
//
// Threads: lives on the io_context's thread. `handler` is called there and takes what it needs of
// that thread's state; the work that it returns (reading files, building JSON) runs on a thread of
// its own, so that it never delays intake.
class ControlServer {
 public:
  using Work = std::function<ControlReply()>;
  using Handler = std::function<Work(ControlRequest)>;  // gives the work that makes the reply

  // Binds and listens; a stale socket file is replaced. Errors as ListeningSocket::open_unix().
  static Result<std::unique_ptr<ControlServer>> open(boost::asio::io_context& io,
                                                     const std::string& path, Handler handler);
  // The same on "host:port", the form that the configuration has checked. Errors: `io`.
  static Result<std::unique_ptr<ControlServer>> open_tcp(boost::asio::io_context& io,
                                                         const std::string& address,
                                                         Handler handler);
  virtual ~ControlServer() = default;

  // Closes the listener and every connection, removes the socket file, waits for a running handler.
  virtual void stop() = 0;
};

}  // namespace tracelink
