#pragma once

#include <memory>
#include <optional>

#include "config/load.hpp"
#include "daemon/app/log_writer.hpp"
#include "daemon/app/reload.hpp"
#include "daemon/app/successor.hpp"
#include "daemon/base/result.hpp"

namespace tracelink {

// The one object that builds, starts, stops and owns all the others
// (docs/architecture.md#start-and-stop).
class Daemon {
 public:
  // Takes the state lock, recovers the queue, opens the sockets. Needs no server. After an error
  // nothing is left open. `load` gives the configuration again, for credentials and for a reload:
  // from any threads at once. `own` is this process: its program, and what it inherited.
  static Result<std::unique_ptr<Daemon>> open(LoadedConfig loaded, Reload::Load load,
                                              std::shared_ptr<const LogWriter> log, Successor own);
  virtual ~Daemon() = default;

  // Serves until SIGTERM or SIGINT. Everything acknowledged is on disk when it returns.
  virtual void run() = 0;

  // After run(): what takes this daemon's place once it is destroyed, if that was asked for.
  virtual std::optional<Successor> successor() = 0;
};

}  // namespace tracelink
