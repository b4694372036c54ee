#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "daemon/base/result.hpp"

// What the daemon tells systemd (sd_notify). Without $NOTIFY_SOCKET each call succeeds and does
// nothing. Errors: `io`; the daemon goes on, but systemd may take it for hung, so log them.
// Threads: any.
namespace tracelink::systemd {

// These wait until the service manager takes them: it acts on each.
Result<void> ready();      // the sockets are served, a reload is over
Result<void> reloading();  // until ready(), as Type=notify-reload asks for

// The others do not wait, since they are told from the thread that serves clients: where nobody
// reads the socket any more they are `io`, and may be told again.
Result<void> stopping();                     // shutdown has begun
Result<void> status(std::string_view text);  // one line of `systemctl status`

// How often to call watchdog(): half of the unit's WatchdogSec. Nothing when it is not on.
std::optional<std::chrono::microseconds> watchdog_interval();
Result<void> watchdog();  // the threads make progress

}  // namespace tracelink::systemd
