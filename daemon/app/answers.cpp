#include "daemon/app/answers.hpp"

#include <array>
#include <chrono>
#include <climits>
#include <utility>

#include <unistd.h>

#include "daemon/app/control_commands.hpp"
#include "daemon/app/control_handler.hpp"
#include "daemon/app/health.hpp"
#include "daemon/app/model_json.hpp"
#include "daemon/app/options.hpp"
#include "daemon/app/probes.hpp"
#include "daemon/app/process_stats.hpp"
#include "daemon/app/public_status.hpp"

namespace tracelink {
namespace {

// How old the status may be that senders see, so that asking for it all the time costs others
// nothing.
constexpr std::chrono::seconds kSendersStatusAge{1};

std::string machine_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size()) == 0 ? name.data() : "";
}

}  // namespace

std::string Answers::intake_description() const {
  return describe_intake(*parts_.reload.config(), parts_.listeners.places(), parts_.active,
                         parts_.delivery);
}

std::string Answers::senders_status() {
  const SteadyTime now = parts_.clock.steady();
  if (!senders_status_.empty() && now - senders_status_at_ < kSendersStatusAge) {
    return senders_status_;
  }
  const auto config = parts_.reload.config();
  senders_status_ = status_for_senders(status_inputs(*config, parts_.listeners.intake()));
  senders_status_at_ = now;
  return senders_status_;
}

ControlWork Answers::control(ControlRequest request) const {
  const bool slow = may_be_slow(request);
  auto run = [this, request = std::move(request), intake = parts_.listeners.intake()] {
    const auto config = parts_.reload.config();
    const ControlParts parts{.config = *config,
                             .active = parts_.active,
                             .queue = parts_.queue,
                             .delivery = parts_.delivery,
                             .reload = parts_.reload,
                             .clock = parts_.clock,
                             .upgrade = parts_.upgrade};
    if (request.method != "GET") return handle_command(request, parts);
    if (request.target == "/healthz") return health();
    return handle_control(request.target, status_inputs(*config, intake));
  };
  return {std::move(run), slow};
}

ControlWork Answers::probe(ControlRequest request) const {
  const Listeners& listeners = parts_.listeners;
  return {[this, request = std::move(request), intake = listeners.intake(),
           serving = parts_.serving, control = listeners.control(), probes = listeners.probes()] {
    const auto config = parts_.reload.config();
    const auto registration = parts_.delivery.registration(parts_.active.configured());
    const ProbeInputs inputs{
        .metrics = {.queue = parts_.queue.stats(),
                    .intake = intake,
                    .forward = parts_.delivery.forward_status(),
                    .control = control,
                    .probes = probes,
                    .log_lines_dropped = {.room = parts_.log.dropped_for_room(),
                                          .error = parts_.log.dropped_by_errors()},
                    .model_ready = registration && registration->state == RegistrationState::ready,
                    .models = model_states(parts_.delivery.registrations()),
                    .server = server_address(server_uri(*config)),
                    .process =
                        request.target == "/metrics" ? process_stats("/proc") : ProcessStats(),
                    .now = parts_.clock.wall(),
                    .uptime = parts_.clock.steady() - parts_.started},
        .serving = serving,
        .delivers = delivers(parts_.config),
        .now = parts_.clock.steady(),
        .address = parts_.config.control.http,
        .machine = machine_name(),
        .status = [&] { return public_status(status_json(status_inputs(*config, intake))); },
        .history = [this] { return parts_.history.json(); }};
    return handle_probe(request, inputs);
  }};
}

ControlReply Answers::health() const {
  const std::string_view fault =
      delivers(parts_.config) ? fault_of(parts_.delivery.forward_status(), parts_.clock.steady())
                              : std::string_view();
  return fault.empty() ? ControlReply{200, "{}"} : error_reply(503, std::string(fault));
}

StatusInputs Answers::status_inputs(const Config& config, const ServerStats& intake) const {
  return {.config = config,
          .queue = parts_.queue,
          .intake = intake,
          .active = parts_.active,
          .delivery = parts_.delivery,
          .clock = parts_.clock,
          .uptime = parts_.clock.steady() - parts_.started,
          .queue_watch = parts_.queue_watch,
          .notices = parts_.notices,
          .places = parts_.listeners.places(),
          .tap = parts_.tap,
          .delivered_tap = parts_.delivered_tap,
          .services = parts_.services};
}

}  // namespace tracelink
