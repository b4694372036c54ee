#include "daemon/app/status_json.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "daemon/app/model_json.hpp"
#include "daemon/app/options.hpp"
#include "daemon/base/wall_time_of.hpp"
#include "daemon/text/utc_time.hpp"
#include "daemon/types/version.hpp"

namespace tracelink {

namespace {

using nlohmann::ordered_json;

// Of a status, what is shown whole to those who may send: numbers, states, and what `GET /` of the
// intake tells them anyway.
constexpr std::array<std::string_view, 14> kForSenders{
    "version",         "uptime_s",        "experiment",
    "server",          "queue",           "spans",
    "rejected_spans",  "repaired_ends",   "replaced_characters",
    "quarantine",      "held_scopes",     "waiting_for_root",
    "last_request_at", "last_delivery_at"};

double seconds(std::chrono::steady_clock::duration duration) {
  return static_cast<double>(
             std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) /
         1000.0;
}

const char* word(ServerStatus::State state) {
  switch (state) {
    case ServerStatus::State::up:
      return "up";
    case ServerStatus::State::down:
      return "down";
    case ServerStatus::State::refusing:
      return "refusing";
    case ServerStatus::State::none:
      return "none";
  }
  return "none";
}

ordered_json experiment_json(const Config& config,
                             const std::optional<RegistrationStatus>& status) {
  if (status && status->model) {
    return {{"id", status->model->experiment_id}, {"name", status->model->experiment_name}};
  }
  return {{"id", config.experiment.id}, {"name", config.experiment.name}};
}

// A number that is too small while some files cannot be read is not shown.
ordered_json known(const QueueStats& queue, std::uint64_t number) {
  return queue.totals_known ? ordered_json(number) : ordered_json(nullptr);
}

ordered_json queue_json(const QueueStats& queue, bool writable, WallTime now) {
  double oldest = 0;
  if (queue.oldest_accepted_at && *queue.oldest_accepted_at < now) {
    oldest = seconds(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        now - *queue.oldest_accepted_at));
  }
  return {{"spans", known(queue, queue.queued_spans)},
          {"traces", known(queue, queue.queued_records)},
          {"bytes", known(queue, queue.queued_bytes)},
          {"oldest_age_s", oldest},
          {"disk_bytes", queue.disk_bytes},
          {"full", queue.full},
          {"writable", writable}};
}

ordered_json spans_json(const QueueStats& queue) {
  return {{"accepted", known(queue, queue.accepted)},
          {"delivered", known(queue, queue.delivered)},
          {"queued", known(queue, queue.queued_spans)},
          {"dead_lettered", known(queue, queue.dead_lettered)},
          {"duplicate", known(queue, queue.duplicate)},
          {"damaged", known(queue, queue.damaged)},
          {"dropped",
           {{"policy", known(queue, queue.dropped_policy)},
            {"age", known(queue, queue.dropped_age)},
            {"removed", known(queue, queue.dropped_removed)}}}};
}

std::string time_text(SteadyTime event, const Clock& clock) {
  return utc_iso(wall_time_of(event, clock));
}
ordered_json time_json(const std::optional<SteadyTime>& event, const Clock& clock) {
  return event ? ordered_json(time_text(*event, clock)) : ordered_json(nullptr);
}

ordered_json held_json(const ForwardStatus& status, const std::vector<HeldFile>& files,
                       const Clock& clock) {
  ordered_json held = ordered_json::array();
  for (const auto& scope : status.held) {
    held.push_back({{"scope", scope.scope},
                    {"reason", scope.reason},
                    {"remedy", scope.remedy},
                    {"since", time_text(scope.since, clock)},
                    {"traces", scope.traces}});
  }
  for (const HeldFile& file : files) {
    held.push_back({{"scope", "file " + file.path},
                    {"reason", "cannot be read: " + file.reason},
                    {"remedy", remedy_for(file)},
                    {"since", time_text(file.since, clock)},
                    {"traces", nullptr}});
  }
  return held;
}

ordered_json waiting_for_root_json(const WaitingForRoot& waiting, const Clock& clock) {
  if (waiting.traces == 0) return {{"traces", 0}, {"first_at", nullptr}, {"last_at", nullptr}};
  return {{"traces", waiting.traces},
          {"first_at", time_text(waiting.first, clock)},
          {"last_at", time_text(waiting.last, clock)}};
}

// What deliveries came to since the start of the process.
ordered_json delivery_json(const ForwardStatus& forward) {
  const ForwardCounters& counters = forward.counters;
  const auto& lags = counters.lag.counts();
  ordered_json models = ordered_json::array();
  for (const ModelCount& count : forward.models) {
    models.push_back(
        {{"model", count.model}, {"traces", count.delivered_traces}, {"failures", count.failures}});
  }
  return {{"traces", counters.delivered_traces},
          {"failures", counters.failures.total()},
          {"lag_s",
           {{"sum", counters.lag.sum_seconds()},
            {"count", std::accumulate(lags.begin(), lags.end(), std::uint64_t{0})}}},
          {"models", std::move(models)}};
}

ordered_json services_json(const ServiceCounters& counters) {
  ordered_json services = ordered_json::array();
  for (const auto& [service, spans] : counters.all()) {
    services.push_back({{"service", service}, {"spans", spans}});
  }
  return services;
}

ordered_json relinks_json(const StatusInputs& inputs) {
  ordered_json relinks = ordered_json::array();
  const auto model_of = [&](const LinkHash& link) {
    const auto definition = inputs.queue.link(link);
    if (!definition) return std::string();
    return definition->display_name();
  };
  for (const Relink& relink : inputs.delivery.relinks()) {
    relinks.push_back({{"from", model_of(relink.from)},
                       {"from_link", relink.from.hex()},
                       {"to", model_of(relink.to)},
                       {"to_link", relink.to.hex()},
                       {"at", utc_iso(relink.at)}});
  }
  return relinks;
}

std::vector<std::string> notices(const StatusInputs& inputs, const QueueStats& queue) {
  std::vector<std::string> all = inputs.queue_watch.notices();
  if (!queue.totals_known) {
    all.emplace_back("queue: how many spans it holds is unknown until the held files can be read");
  }
  if (queue.unaccounted + queue.unaccounted_changes > 0) {
    all.push_back(
        "queue: what became of " + std::to_string(queue.unaccounted) + " spans and " +
        std::to_string(queue.unaccounted_changes) +
        " changes of earlier times is unknown, since their totals (queue/checkpoint) were "
        "lost; they are in none of the numbers");
  }
  for (const auto& notices : {inputs.notices, inputs.active.notices(), inputs.delivery.notices()}) {
    all.insert(all.end(), notices.begin(), notices.end());
  }
  return all;
}

ordered_json or_null(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}

ordered_json sockets_json(const StatusPlaces& places) {
  return {{"intake", or_null(places.intake)},
          {"from_systemd", places.from_systemd},
          {"tcp", or_null(places.tcp)},
          {"control", places.control},
          {"http", or_null(places.http)}};
}

std::optional<LastError> newer(const std::optional<LastError>& a,
                               const std::optional<LastError>& b) {
  if (!a || !b) return a ? a : b;
  return a->at < b->at ? b : a;
}

}  // namespace

ordered_json status_json(const StatusInputs& inputs) {
  const QueueStats queue = inputs.queue.stats();
  const ForwardStatus forwarder = inputs.delivery.forward_status();
  const auto registration = inputs.delivery.registration(inputs.active.configured());
  ordered_json json{
      {"version", kVersion},
      {"pid", ::getpid()},
      {"uptime_s", seconds(inputs.uptime)},
      {"model", model_json(link_of(inputs.config), registration)},
      {"models", models_json(inputs.delivery)},
      {"active", active_json(inputs.active, inputs.delivery)},
      {"experiment", experiment_json(inputs.config, registration)},
      {"server",
       {{"uri", server_uri(inputs.config)},
        {"version", forwarder.server.version},
        {"state", word(forwarder.server.state)},
        {"possible_duplicate_spans", forwarder.server.possible_duplicate_spans},
        {"possible_duplicate_infos", forwarder.server.possible_duplicate_infos}}},
      {"queue", queue_json(queue, inputs.queue_watch.writable(), inputs.clock.wall())},
      {"spans", spans_json(queue)},
      {"services", services_json(inputs.services)},
      {"delivery", delivery_json(forwarder)},
      {"mlflow_sdk",
       {{"address", inputs.places.mlflow},
        {"accepted_infos", inputs.intake.accepted_infos},
        {"accepted_changes", known(queue, queue.changes.accepted)},
        {"delivered_changes", known(queue, queue.changes.delivered)},
        {"queued_changes", known(queue, queue.changes.queued())},
        {"dead_lettered_changes", known(queue, queue.changes.dead_lettered)},
        {"damaged_changes", known(queue, queue.changes.damaged)},
        {"dropped_changes",
         {{"policy", known(queue, queue.changes.dropped_policy)},
          {"age", known(queue, queue.changes.dropped_age)},
          {"removed", known(queue, queue.changes.dropped_removed)}}},
        {"relayed_requests", inputs.intake.relayed_requests}}},
      {"rejected_spans", inputs.intake.rejected_spans},
      {"repaired_ends", inputs.intake.repaired_ends},
      {"replaced_characters", inputs.intake.replaced_utf8 + inputs.intake.replaced_surrogates},
      {"quarantine", {{"files", queue.quarantine_files}, {"bytes", queue.quarantine_bytes}}},
      {"held", held_json(forwarder, queue.held_files, inputs.clock)},
      {"held_scopes", forwarder.held_scopes},
      {"waiting_for_root", waiting_for_root_json(forwarder.waiting_for_root, inputs.clock)},
      {"relinks", relinks_json(inputs)},
      {"last_error", nullptr},
      {"last_request_at", time_json(inputs.intake.last_request_at, inputs.clock)},
      {"last_delivery_at", time_json(forwarder.last_delivery_at, inputs.clock)},
      {"sockets", sockets_json(inputs.places)},
      {"state_dir", inputs.places.state_dir},
      {"config_file", or_null(inputs.places.config_file)},
      {"notices", notices(inputs, queue)}};
  if (const auto error = newer(forwarder.last_error, inputs.queue_watch.last_error())) {
    json["last_error"] = {{"message", error->message},
                          {"remedy", error->remedy},
                          {"at", time_text(error->at, inputs.clock)},
                          {"over_at", time_json(error->over_at, inputs.clock)}};
  }
  return json;
}

namespace {

// Without the error, which may have texts of the server's.
ordered_json senders_model(const ordered_json& model) {
  ordered_json shown;
  for (const char* key : {"state", "id", "name", "requested_name", "remedy"}) {
    shown[key] = model.at(key);
  }
  return shown;
}

// The kind of each scope: which experiment or model it is may be another application's choice.
ordered_json senders_held(const ordered_json& held) {
  ordered_json shown = ordered_json::array();
  for (const ordered_json& entry : held) {
    const auto scope = entry.at("scope").get<std::string>();
    shown.push_back({{"scope", scope.substr(0, scope.find(' '))},
                     {"remedy", entry.at("remedy")},
                     {"since", entry.at("since")},
                     {"traces", entry.at("traces")}});
  }
  return shown;
}

}  // namespace

ordered_json senders_view(const ordered_json& status) {
  ordered_json shown;
  ordered_json left_out = ordered_json::array();
  for (const auto& [key, value] : status.items()) {
    if (std::ranges::find(kForSenders, key) != kForSenders.end()) {
      shown[key] = value;
    } else if (key == "model") {
      shown[key] = senders_model(value);
    } else if (key == "held") {
      shown[key] = senders_held(value);
    } else {
      left_out.push_back(key);
    }
  }
  for (const char* part : {"model.error", "model.warnings", "held.reason"}) {
    left_out.push_back(part);
  }
  shown["left_out"] = std::move(left_out);
  return shown;
}

}  // namespace tracelink
