#include "daemon/app/model_json.hpp"

#include <algorithm>
#include <utility>

#include "daemon/codec/name_template.hpp"
#include "daemon/text/utc_time.hpp"

namespace tracelink {

using nlohmann::ordered_json;

namespace {

std::string text_of(const Failure& failure) {
  return failure.remedy.empty() ? failure.message : failure.message + "; " + failure.remedy;
}

ordered_json traces_json(const Delivery::DeliveredTraces& delivered) {
  return {{"delivered", delivered.traces},
          {"last_at", delivered.traces > 0 ? ordered_json(utc_iso(delivered.last_at))
                                           : ordered_json(nullptr)}};
}

}  // namespace

const char* to_string(RegistrationState state) {
  switch (state) {
    case RegistrationState::unresolved:
      return "unresolved";
    case RegistrationState::ready:
      return "ready";
    case RegistrationState::failed:
      return "failed";
  }
  return "unresolved";
}

ordered_json model_json(const LinkDefinition& link,
                        const std::optional<RegistrationStatus>& status) {
  const bool is_one_model = !link.empty() && !is_template(link);
  ordered_json json{{"state", is_one_model ? "unresolved" : "none"},
                    {"id", link.id},
                    {"name", ""},
                    {"requested_name", link.model_name()},
                    {"error", nullptr},
                    {"remedy", nullptr},
                    {"warnings", ordered_json::array()}};
  if (!status) return json;
  json["state"] = to_string(status->state);
  if (status->model) {
    json["id"] = status->model->model_id;
    json["name"] = status->model->name;
  }
  if (status->failure) {
    json["error"] = text_of(*status->failure);
    json["remedy"] = status->failure->remedy;
  }
  json["warnings"] = status->warnings;
  return json;
}

ordered_json models_json(const Delivery& delivery) {
  std::vector<RegistrationStatus> statuses = delivery.registrations();
  std::ranges::sort(statuses, {}, [](const RegistrationStatus& status) {
    return std::pair(status.requested_name, status.link);
  });
  ordered_json models = ordered_json::array();
  for (const RegistrationStatus& status : statuses) {
    ordered_json json = model_json(status.definition, status);
    json["link"] = status.link.hex();
    json["named_by"] = status.definition.named_by_trace ? "traces" : "operator";
    json["traces"] = traces_json(delivery.delivered(status.link));
    models.push_back(std::move(json));
  }
  return models;
}

ordered_json override_json(const ActiveOverride& entry, const Delivery& delivery) {
  ordered_json json = model_json(entry.definition, delivery.registration(entry.link));
  json["link"] = entry.link.hex();
  json["set_at"] = entry.set_at;
  return json;
}

ordered_json active_json(const ActiveLinks& active, const Delivery& delivery) {
  const auto overrides = active.overrides();
  ordered_json services = ordered_json::object();
  for (const auto& [service, entry] : overrides->services) {
    services[service] = override_json(entry, delivery);
  }
  return {{"override", overrides->all ? override_json(*overrides->all, delivery) : ordered_json()},
          {"services", std::move(services)}};
}

ControlReply error_reply(int status, const std::string& message) {
  return {status, ordered_json{{"error", message}}.dump(-1, ' ', false,
                                                        ordered_json::error_handler_t::replace)};
}

}  // namespace tracelink
