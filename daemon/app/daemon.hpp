#pragma once

#include <memory>

#include "config/load.hpp"
#include "daemon/app/log_writer.hpp"
#include "daemon/base/result.hpp"
#include "daemon/mlflow/tracking_client.hpp"

namespace tracelink {

// The one object that builds, starts, stops and owns all the others
// (docs/architecture.md#start-and-stop).
class Daemon {
 public:
  // Takes the state lock, recovers the queue, opens the sockets. Needs no server. After an error
  // nothing is left open. `read_credentials` is called on the forwarder thread.
  static Result<std::unique_ptr<Daemon>> open(LoadedConfig loaded,
                                              CredentialsReader read_credentials,
                                              std::shared_ptr<const LogWriter> log);
  virtual ~Daemon() = default;

  // Serves until SIGTERM or SIGINT; returns the process's exit code. Everything acknowledged is on
  // disk when it returns.
  virtual int run() = 0;
};

}  // namespace tracelink
