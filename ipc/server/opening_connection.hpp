#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "ipc/server/client_connection.hpp"
#include "ipc/wire/protocol.hpp"

namespace tracelink {

// A connection whose first bytes have not yet said what it speaks.
class OpeningConnection final : public ClientConnection {
 public:
  OpeningConnection(StreamSocket socket, Peer peer, ServerContext& context, bool is_mlflow)
      : ClientConnection(std::move(socket), peer, context), is_mlflow_(is_mlflow) {}

  Task<void> run() override;
  void finish() override { close_idle(); }

  bool is_mlflow() const { return is_mlflow_; }  // it came by the listener for MLflow's SDK

  // Precondition: run() has returned. `undecided`: the client has gone. `unknown` also stands for
  // one that sends blanks without end.
  Protocol protocol() const;
  std::string take_first_bytes() { return std::move(first_bytes_); }
  StreamSocket take_socket() { return std::move(socket_); }

 private:
  const bool is_mlflow_;
  std::size_t blank_bytes_ = 0;
  std::string first_bytes_;
};

}  // namespace tracelink
