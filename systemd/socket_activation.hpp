#pragma once

#include <string>
#include <vector>

#include "daemon/base/result.hpp"

namespace tracelink::systemd {

// The listening sockets that systemd handed over ($LISTEN_FDS): Unix or TCP streams, close-on-exec,
// owned by the caller. Empty without socket activation. Removes the variables, so that only the
// first call finds them and no child process does.
// Errors: `invalid` for anything else that was handed over, naming its number in the socket unit.
Result<std::vector<int>> listen_fds();

}  // namespace tracelink::systemd
