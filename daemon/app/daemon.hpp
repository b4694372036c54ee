#pragma once

#include <memory>

#include "config/load.hpp"
#include "daemon/base/result.hpp"

namespace tracelink {

// The one object that builds, starts, stops and owns all the others (docs/architecture.md, "Start
// and stop").
class Daemon {
 public:
  // Takes the state lock, recovers the queue, opens the sockets. Needs no server. After an error
  // nothing is left open.
  static Result<std::unique_ptr<Daemon>> open(LoadedConfig loaded);
  virtual ~Daemon() = default;

  // Serves until SIGTERM or SIGINT; returns the process's exit code. Everything acknowledged is on
  // disk when it returns.
  virtual int run() = 0;
};

}  // namespace tracelink
