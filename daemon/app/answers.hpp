#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "daemon/app/active_links.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/app/history.hpp"
#include "daemon/app/listeners.hpp"
#include "daemon/app/log_writer.hpp"
#include "daemon/app/queue_watch.hpp"
#include "daemon/app/reload.hpp"
#include "daemon/app/service_counters.hpp"
#include "daemon/app/status_json.hpp"
#include "daemon/app/tap.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/control/control_server.hpp"
#include "daemon/queue/queue.hpp"

namespace tracelink {

// What the daemon answers about itself: commands and the status at the control socket, the status
// that senders see, metrics and probes at control.http.
//
// Threads: the io thread's; the works that control() and probe() give run on any. Lifetime: the
// references outlive this object and the works.
class Answers {
 public:
  struct Parts {
    const Config& config;  // of the start
    Reload& reload;        // knows the configuration of now
    Queue& queue;
    ActiveLinks& active;
    Delivery& delivery;
    const QueueWatch& queue_watch;
    const History& history;
    Tap& tap;
    Tap& delivered_tap;
    const ServiceCounters& services;
    const Listeners& listeners;
    const std::vector<std::string>& notices;
    const LogWriter& log;
    const Clock& clock;
    SteadyTime started;
    const bool& serving;                    // the intake's socket is open
    std::function<Result<void>()> upgrade;  // asks for it; any thread
  };

  explicit Answers(Parts parts) : parts_(std::move(parts)) {}

  // Bodies of the intake's `GET /` and `GET /status`.
  std::string intake_description() const;
  std::string senders_status();

  ControlWork control(ControlRequest request) const;
  ControlWork probe(ControlRequest request) const;

 private:
  StatusInputs status_inputs(const Config& config, const ServerStats& intake) const;
  ControlReply health() const;

  const Parts parts_;
  std::string senders_status_;  // as it was asked for last
  SteadyTime senders_status_at_{};
};

}  // namespace tracelink
