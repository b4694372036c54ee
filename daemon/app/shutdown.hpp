#pragma once

#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/base/clock.hpp"

namespace tracelink {

// How the daemon ends. The first SIGTERM or SIGINT drains delivery for the grace, then the sockets
// are closed, and the process ends within 4 s of that, whatever clients and disks do. A second one
// skips the rest of the grace and hurries the clients. SIGHUP ends nothing: it reloads.
//
// Threads: the io_context's.
class Shutdown {
 public:
  struct Steps {
    std::function<void()> reload;
    std::function<void(SteadyTime deadline)> drain;
    std::function<bool()> drained;
    // `patience`: how long clients have to take their answers. Called again when it gets shorter.
    std::function<void(std::chrono::milliseconds patience)> close_sockets;
  };

  // Signals that come before await_signals() are handled by it.
  Shutdown(boost::asio::io_context& io, const Clock& clock, Steps steps);

  void await_signals(std::chrono::milliseconds grace);

  // Stops as SIGTERM does, with this grace; `reason` is for the log, `overdue` the exit code of a
  // process that does not end within its time. Does nothing if it stops already.
  void begin(const std::string& reason, std::chrono::milliseconds grace,
             int overdue = EXIT_SUCCESS);
  // Whether SIGTERM or SIGINT came, also while it was stopping for another reason.
  bool was_signalled() const { return was_signalled_; }

 private:
  void await_next();
  void on_signal(int signal);
  void hurry();
  void check_drained();
  void close();

  const Clock& clock_;
  const Steps steps_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer drain_timer_;
  std::chrono::milliseconds grace_{};
  bool stopping_ = false;
  bool was_signalled_ = false;
  bool closing_ = false;
  int overdue_ = EXIT_SUCCESS;
  std::chrono::milliseconds patience_;
  SteadyTime drain_until_{};
};

}  // namespace tracelink
