#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/types/record.hpp"
#include "ipc/server/asio_types.hpp"
#include "ipc/server/intake.hpp"
#include "ipc/server/reply.hpp"
#include "ipc/server/server_stats.hpp"

namespace tracelink {

// What all connections of a server share; they run on one thread, so one read buffer is enough.
struct ServerContext {
  Intake& intake;
  ServerStats& stats;
  const Clock& clock;
  std::chrono::milliseconds hold_time;
  std::function<std::string()> describe;  // body of `GET /`
  std::vector<char> read_buffer;
};

// One client conversation on one socket.
//
// Life: the server keeps it until run() has returned. finish() asks it to answer what it has read
// and to close; abort() closes the socket at once, and run() returns soon after.
// Threads: io thread. The destructor touches nothing of the server, since Asio may destroy
// suspended coroutines after it.
class ClientConnection : public ReplyTarget {
 public:
  ClientConnection(StreamSocket socket, Peer peer, ServerContext& context);

  virtual Task<void> run() = 0;
  virtual void finish() = 0;
  void abort();

  // Since when no request is under way. Nothing while one is.
  std::optional<SteadyTime> idle_since() const { return idle_since_; }

  void on_admitted(std::uint64_t) override {}
  void on_reply(std::uint64_t, Reply) override {}

 protected:
  // Waits for bytes and reads what is there into the shared buffer: use the view before the next
  // co_await. Nothing at the end, after an error, or when the wait was cancelled.
  Task<std::optional<std::string_view>> read_some();

  // Sends as much as the socket takes now and removes it from `rest`. False after an error.
  bool write_now(std::string_view& rest);

  // Aborts the connection unless disarmed in time: for clients that do not read or do not leave.
  void arm_watchdog();
  void disarm_watchdog() { watchdog_.cancel(); }

  // Waits for wake(), which abort() calls too: look at the reason afterwards.
  Task<void> sleep();
  void wake() { wakeup_.cancel(); }

  void set_idle() { idle_since_ = context_.clock.steady(); }
  void set_busy() { idle_since_.reset(); }

  StreamSocket socket_;
  Peer peer_;
  ServerContext& context_;

 private:
  IoTimer watchdog_;
  IoTimer wakeup_;
  std::optional<SteadyTime> idle_since_;
};

}  // namespace tracelink
