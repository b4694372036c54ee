#pragma once

#include <string>

#include "daemon/base/result.hpp"
#include "ipc/server/server.hpp"

// How one tracelinkd takes the place of another in the same process (execve(2)): pid, supervisor
// and listening sockets stay, so that no client is refused
// (docs/operations.md#upgrade-and-going-back).
namespace tracelink {

struct Successor {
  std::string program;            // its path
  KeptSockets sockets;            // for Server::open()
  bool socket_activated = false;  // `sockets.local` came from systemd
};

// What the process before left, in a variable of the environment, which is removed: close-on-exec
// again. Nothing else than this process's own start may have used those descriptors.
Successor take_inheritance();

// The program of this process as it was started: what is installed there by now succeeds it.
std::string program_of_process();

// Replaces this process; comes back only with an error, `io`. `argv` is that of main(). Signals
// that would end the process before the successor handles them are ignored until it does.
Error become(const Successor& successor, char** argv);

}  // namespace tracelink
