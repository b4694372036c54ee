#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "ipc/server/client_connection.hpp"
#include "ipc/wire/protocol.hpp"

namespace tracelink {

// A connection whose first bytes have not yet said what it speaks.
class OpeningConnection final : public ClientConnection {
 public:
  using ClientConnection::ClientConnection;

  Task<void> run() override;
  void finish() override { abort(); }

  // Precondition: run() has returned. `undecided`: the client has gone.
  Protocol protocol() const { return detect_protocol(first_bytes_); }
  // Sends what the socket takes at once: the connection ends.
  void answer(std::string_view text) { (void)write_now(text); }
  std::string take_first_bytes() { return std::move(first_bytes_); }
  StreamSocket take_socket() { return std::move(socket_); }

 private:
  std::string first_bytes_;
};

}  // namespace tracelink
