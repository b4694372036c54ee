#pragma once

#include <memory>

#include "config/load.hpp"
#include "daemon/app/log_writer.hpp"
#include "daemon/app/reload.hpp"
#include "daemon/base/result.hpp"

namespace tracelink {

// The one object that builds, starts, stops and owns all the others
// (docs/architecture.md#start-and-stop).
class Daemon {
 public:
  // Takes the state lock, recovers the queue, opens the sockets. Needs no server. After an error
  // nothing is left open. `load` gives the configuration again, for credentials and for a reload:
  // from any threads at once.
  static Result<std::unique_ptr<Daemon>> open(LoadedConfig loaded, Reload::Load load,
                                              std::shared_ptr<const LogWriter> log);
  virtual ~Daemon() = default;

  // Serves until SIGTERM or SIGINT; returns the process's exit code. Everything acknowledged is on
  // disk when it returns.
  virtual int run() = 0;
};

}  // namespace tracelink
