#include "ipc/server/opening_connection.hpp"

namespace tracelink {

Task<void> OpeningConnection::run() {
  while (detect_protocol(first_bytes_) == Protocol::undecided) {
    if (!first_bytes_.empty() && idle()) {
      set_waiting();
      arm_watchdog();
    }
    const auto bytes = co_await read_some();
    if (!bytes) co_return;
    first_bytes_ += *bytes;
    first_bytes_.erase(0, skipped_bytes(first_bytes_));
  }
  disarm_watchdog();
}

}  // namespace tracelink
