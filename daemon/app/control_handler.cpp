#include "daemon/app/control_handler.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>

#include <nlohmann/json.hpp>

#include "daemon/app/model_json.hpp"
#include "daemon/app/options.hpp"
#include "daemon/app/tap_json.hpp"
#include "daemon/codec/name_template.hpp"
#include "daemon/types/version.hpp"

namespace tracelink {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view kDeadLetters = "/dead-letters";
constexpr std::string_view kTap = "/tap";
constexpr std::string_view kDeliveredTap = "/tap/delivered";
constexpr std::string_view kAfter = "?after=";
constexpr std::string_view kDeadLettersAfter = "/dead-letters?after=";

std::string text_of(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// `query`: what stands behind the path.
ControlReply tap_reply(Tap& tap, std::string_view query, const StatusInputs& inputs) {
  const auto reply = [&inputs](const Tap::View& view) {
    return ControlReply{200, tap_json(view, inputs.queue, inputs.delivery)};
  };
  if (query.empty()) return reply(tap.after(std::nullopt));
  if (!query.starts_with(kAfter))
    return error_reply(404, "no such resource; see docs/control-api.md");
  query.remove_prefix(kAfter.size());
  std::uint64_t number = 0;
  const char* const end = query.data() + query.size();
  const auto read = std::from_chars(query.data(), end, number);
  if (read.ec != std::errc{} || read.ptr != end) return error_reply(400, "after is no number");
  return reply(tap.after(number));
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
    return {200, text_of(status_json(inputs))};
  }
  if (target.starts_with(kDeliveredTap)) {
    return tap_reply(inputs.delivered_tap, target.substr(kDeliveredTap.size()), inputs);
  }
  if (target.starts_with(kTap)) return tap_reply(inputs.tap, target.substr(kTap.size()), inputs);
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

std::string status_for_senders(const StatusInputs& inputs) {
  return text_of(senders_view(status_json(inputs)));
}

std::string describe_intake(const Config& config, const StatusPlaces& places,
                            const ActiveLinks& active, const Delivery& delivery) {
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
                      {"loopback", places.tcp},
                      {"mlflow", places.mlflow},
                      {"model",
                       {{"id", ready ? registration->model->model_id : asked.id},
                        {"name", ready ? registration->model->name : name}}}}
      .dump(2);
}

}  // namespace tracelink
