#include "daemon/app/control_handler.hpp"

#include <optional>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "daemon/app/model_json.hpp"
#include "daemon/app/options.hpp"
#include "daemon/codec/name_template.hpp"
#include "daemon/text/utc_time.hpp"
#include "daemon/types/version.hpp"

namespace tracelink {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view kDeadLetters = "/dead-letters";
constexpr std::string_view kDeadLettersAfter = "/dead-letters?after=";

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

ordered_json queue_json(const QueueStats& queue, WallTime now) {
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
          {"full", queue.full}};
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

ordered_json held_json(const ForwardStatus& status, const std::vector<HeldFile>& files) {
  ordered_json held = ordered_json::array();
  for (const auto& scope : status.held) {
    held.push_back({{"scope", scope.scope},
                    {"reason", scope.reason},
                    {"remedy", scope.remedy},
                    {"since", utc_iso(scope.since)},
                    {"traces", scope.traces}});
  }
  for (const HeldFile& file : files) {
    held.push_back({{"scope", "file " + file.path},
                    {"reason", "cannot be read: " + file.reason},
                    {"remedy", remedy_for(file)},
                    {"since", utc_iso(file.since)},
                    {"traces", nullptr}});
  }
  return held;
}

ordered_json waiting_for_root_json(const WaitingForRoot& waiting) {
  if (waiting.traces == 0) return {{"traces", 0}, {"first_at", nullptr}, {"last_at", nullptr}};
  return {{"traces", waiting.traces},
          {"first_at", utc_iso(waiting.first)},
          {"last_at", utc_iso(waiting.last)}};
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
  if (queue.unaccounted > 0) {
    all.push_back("queue: what became of " + std::to_string(queue.unaccounted) +
                  " spans of earlier times is unknown, since their totals (queue/checkpoint) were "
                  "lost; they are in none of the numbers");
  }
  all.insert(all.end(), inputs.notices.begin(), inputs.notices.end());
  return all;
}

std::optional<LastError> newer(const std::optional<LastError>& a,
                               const std::optional<LastError>& b) {
  if (!a || !b) return a ? a : b;
  return a->at < b->at ? b : a;
}

ordered_json status_json(const StatusInputs& inputs) {
  const QueueStats queue = inputs.queue.stats();
  const ForwardStatus forwarder = inputs.delivery.forward_status();
  const auto registration = inputs.delivery.registration(inputs.active.configured());
  ordered_json json{
      {"version", kVersion},
      {"pid", ::getpid()},
      {"uptime_s", seconds(inputs.uptime)},
      {"model", model_json(link_of(inputs.config), registration)},
      {"models", models_json(inputs.delivery.registrations())},
      {"active", active_json(inputs.active, inputs.delivery)},
      {"experiment", experiment_json(inputs.config, registration)},
      {"server",
       {{"uri", inputs.config.tracking.uri},
        {"version", forwarder.server.version},
        {"state", word(forwarder.server.state)}}},
      {"queue", queue_json(queue, inputs.now)},
      {"spans", spans_json(queue)},
      {"mlflow_sdk",
       {{"address", inputs.config.listen.mlflow},
        {"accepted_infos", inputs.intake.accepted_infos},
        {"relayed_requests", inputs.intake.relayed_requests}}},
      {"rejected_spans", inputs.intake.rejected_spans},
      {"repaired_ends", inputs.intake.repaired_ends},
      {"replaced_characters", inputs.intake.replaced_utf8 + inputs.intake.replaced_surrogates},
      {"quarantine", {{"files", queue.quarantine_files}, {"bytes", queue.quarantine_bytes}}},
      {"held", held_json(forwarder, queue.held_files)},
      {"held_scopes", forwarder.held_scopes},
      {"waiting_for_root", waiting_for_root_json(forwarder.waiting_for_root)},
      {"relinks", relinks_json(inputs)},
      {"last_error", nullptr},
      {"last_delivery_at", nullptr},
      {"notices", notices(inputs, queue)}};
  if (const auto error = newer(forwarder.last_error, inputs.queue_watch.last_error())) {
    json["last_error"] = {
        {"message", error->message}, {"remedy", error->remedy}, {"at", utc_iso(error->at)}};
  }
  if (forwarder.last_delivery_at) json["last_delivery_at"] = utc_iso(*forwarder.last_delivery_at);
  return json;
}

ControlReply list_dead_letters(const DeadLetterStore& store, std::string_view after) {
  auto page = store.list_json(after);
  if (!page) return error_reply(500, page.error().message);
  ControlReply reply{200, std::move(page->json)};
  if (page->more) reply.next = std::string(kDeadLettersAfter) + page->last;
  return reply;
}

ControlReply show_dead_letter(const DeadLetterStore& store, std::string_view id) {
  auto letter = store.read_json(std::string(id));
  if (!letter) {
    return error_reply(letter.error().code == ErrorCode::invalid ? 404 : 500,
                       letter.error().message);
  }
  return {200, std::move(*letter)};
}

}  // namespace

bool may_be_slow(const ControlRequest& request) {
  return request.method != "GET" || request.target.starts_with(kDeadLetters);
}

ControlReply handle_control(std::string_view target, const StatusInputs& inputs) {
  if (target == "/status") {
    return {200, status_json(inputs).dump(-1, ' ', false, ordered_json::error_handler_t::replace)};
  }
  if (target == kDeadLetters) return list_dead_letters(inputs.delivery.dead_letters(), {});
  if (target.starts_with(kDeadLettersAfter)) {
    return list_dead_letters(inputs.delivery.dead_letters(),
                             target.substr(kDeadLettersAfter.size()));
  }
  if (target.starts_with(kDeadLetters) && target.substr(kDeadLetters.size()).starts_with('/')) {
    return show_dead_letter(inputs.delivery.dead_letters(), target.substr(kDeadLetters.size() + 1));
  }
  return error_reply(404, "no such resource; see docs/control-api.md");
}

std::string describe_intake(const Config& config, const ActiveLinks& active,
                            const Delivery& delivery) {
  const auto overrides = active.overrides();
  const LinkHash link = overrides->all ? overrides->all->link : active.configured();
  const LinkDefinition asked = overrides->all ? overrides->all->definition : link_of(config);
  const auto registration = delivery.registration(link);
  const bool ready = registration && registration->model;
  const std::string name = is_template(asked) ? std::string() : asked.model_name();
  return ordered_json{{"name", "tracelinkd"},
                      {"version", kVersion},
                      {"endpoints",
                       {"grpc /opentelemetry.proto.collector.trace.v1.TraceService/Export",
                        "http POST /v1/traces", "json lines"}},
                      {"tracking_uri", config.tracking.uri},
                      {"loopback", config.listen.tcp},
                      {"mlflow", config.listen.mlflow},
                      {"model",
                       {{"id", ready ? registration->model->model_id : asked.id},
                        {"name", ready ? registration->model->name : name}}}}
      .dump(2);
}

}  // namespace tracelink
