#include "ipc/server/opening_connection.hpp"

namespace tracelink {

namespace {

constexpr std::size_t kMaxBlankBytes = 16u << 10;

}  // namespace

Task<void> OpeningConnection::run() {
  while (protocol() == Protocol::undecided) {
    if ((!first_bytes_.empty() || blank_bytes_ > 0) && idle()) {
      set_waiting();
      arm_watchdog(&ServerStats::late_headers);
    }
    const auto bytes = co_await read_some();
    if (!bytes) co_return;
    first_bytes_ += *bytes;
    const std::size_t skipped = skipped_bytes(first_bytes_);
    first_bytes_.erase(0, skipped);
    blank_bytes_ += skipped;
  }
  disarm_watchdog();
}

Protocol OpeningConnection::protocol() const {
  return blank_bytes_ > kMaxBlankBytes ? Protocol::unknown : detect_protocol(first_bytes_);
}

}  // namespace tracelink
