#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  std::function<std::string()> status;    // body of `GET /status`
  std::vector<char> read_buffer;
  std::size_t max_calls;
  // Gives up the relayed request that SlowRelays tells next; false: there is none.
  std::function<bool()> make_relay_room = [] { return false; };
  std::size_t calls_open = 0;     // on all gRPC connections
  std::uint64_t connections = 0;  // ever made; numbers them for the intake
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
  // Gives the connection up for another: what the client waits for is answered with `unavailable`
  // as far as the socket takes it now, and it is closed at once or very soon.
  virtual void evict();
  // Every request is answered with this; before run().
  void refuse_all(Reply reply) { refusal_ = std::move(reply); }

  const std::optional<Reply>& peer_refusal() const { return refusal_; }

  // Since when the server waits for this client: for a request, for the rest of one, or that it
  // takes an answer. Nothing while it is the client that waits.
  std::optional<SteadyTime> waits_since() const { return waits_since_; }
  bool idle() const { return idle_; }      // no request is under way
  bool served() const { return served_; }  // it has stored something
  SteadyTime came_at() const { return came_at_; }
  const Peer& peer() const { return peer_; }

  // How long its client, slower than it may be while others wait for a place, or gone, has kept a
  // relayed request waiting. Nothing: there is no such request, or it does not.
  virtual std::optional<SteadyTime::duration> delays_relay_by() { return std::nullopt; }

  void on_admitted(std::uint64_t) override {}
  void on_reply(std::uint64_t, Reply) override {}

 protected:
  // Waits for bytes and reads what is there into the shared buffer: use the view before the next
  // co_await. Nothing at the end, after an error, or when the wait was cancelled.
  Task<std::optional<std::string_view>> read_some();

  // Sends as much as the socket takes now and removes it from `rest`. False after an error.
  bool write_now(std::string_view& rest);

  // Sent by evict() while a request is under way, and nothing of its answer has gone.
  virtual std::string farewell() const { return {}; }

  // From then on late() and reading ends, unless disarm_watchdog() comes within hold_time.
  void arm_read_deadline();
  bool late() const { return late_; }

  // Aborts the connection, and counts it, unless disarmed in time: for clients that do not read or
  // do not leave.
  using Counter = std::uint64_t ServerStats::*;
  void arm_watchdog(Counter counter = nullptr) { abort_after(context_.hold_time, counter); }
  void disarm_watchdog() { watchdog_.cancel(); }

  bool has_unread_bytes();

  // Precondition: it is idle. Closes it, unless a request has arrived that is not read yet. The
  // first request of a client that has only just connected has a moment to arrive: a connection
  // that is closed under it looks like a daemon that refuses. Disarmed as the watchdog is.
  void close_idle();

  // Lets every other connection that is ready go first.
  Task<void> let_others_go();

  // Waits for wake(), which abort() calls too: look at the reason afterwards.
  Task<void> sleep();
  Task<void> sleep_until(SteadyTime latest);
  void wake() { wakeup_.cancel(); }

  void set_idle() { wait_for_client(true); }
  void set_waiting() { wait_for_client(false); }
  void set_serving() {
    waits_since_.reset();
    idle_ = false;
  }
  void set_served() { served_ = true; }
  // From here on, what is written is a part of an answer; false: that is whole. As it was before.
  bool set_answering(bool answering) { return std::exchange(answering_, answering); }

  StreamSocket socket_;
  Peer peer_;
  ServerContext& context_;
  const std::uint64_t number_;

 private:
  void abort_after(SteadyTime::duration time, Counter counter = nullptr);
  void wait_for_client(bool idle) {
    waits_since_ = context_.clock.steady();
    idle_ = idle;
  }

  IoTimer watchdog_;
  IoTimer wakeup_;
  const SteadyTime came_at_;
  std::optional<SteadyTime> waits_since_;
  std::optional<Reply> refusal_;
  bool idle_ = true;
  bool served_ = false;
  bool late_ = false;
  bool answering_ = false;
};

}  // namespace tracelink
