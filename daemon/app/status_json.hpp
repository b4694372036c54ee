#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/config.hpp"
#include "daemon/app/active_links.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/app/queue_watch.hpp"
#include "daemon/app/service_counters.hpp"
#include "daemon/app/tap.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/queue/queue.hpp"
#include "ipc/server/server_stats.hpp"

namespace tracelink {

// Where the daemon is found, and what it was started with.
struct StatusPlaces {
  std::string intake;  // path of the Unix socket
  bool from_systemd = false;
  std::string tcp;     // listen.tcp with the port that is bound, or empty
  std::string mlflow;  // listen.mlflow, the same
  std::string control;
  std::string http;  // control.http, or empty
  std::string state_dir;
  std::string config_file;  // or empty
};

// What the answers are made from; the references outlive the call.
struct StatusInputs {
  const Config& config;
  const Queue& queue;
  ServerStats intake;
  const ActiveLinks& active;
  const Delivery& delivery;
  const Clock& clock;
  std::chrono::steady_clock::duration uptime;
  const QueueWatch& queue_watch;
  const std::vector<std::string>& notices;  // of the start, beside those of the parts
  const StatusPlaces& places;
  Tap& tap;  // of what is accepted
  Tap& delivered_tap;
  const ServiceCounters& services;
};

// The status as the operator sees it (docs/control-api.md). Threads: any.
nlohmann::ordered_json status_json(const StatusInputs& inputs);

// Of such a status, what everybody sees who may send: numbers, states and remedies, no names that
// applications chose and no texts of errors. `left_out` names the keys that are missing; a key that
// is new in the status is one of them until it is decided otherwise.
nlohmann::ordered_json senders_view(const nlohmann::ordered_json& status);

}  // namespace tracelink
