#pragma once

#include <chrono>

namespace tracelink {

// Ends the process with `exit_code` when `limit` has passed, unless it has ended by then: the last
// resort of a stop that hangs in a disk, a name server or a peer. An orderly end is not needed:
// what was acknowledged is durable, and every start recovers from a kill.
// Threads: any. The thread behind it is never joined, since it ends with the process.
void exit_within(std::chrono::milliseconds limit, int exit_code);

}  // namespace tracelink
