#include "daemon/app/active_overrides.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "daemon/codec/link_codec.hpp"
#include "daemon/text/base64.hpp"

namespace tracelink {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The model's name is for people; the definition's bytes count, and the hash proves them.
Json to_json(const ActiveOverride& entry) {
  const std::string bytes = encode_link(entry.definition);
  std::string definition;
  append_base64(definition, bytes);
  return {{"model", entry.definition.display_name()},
          {"set_at", entry.set_at},
          {"link", hash_link(bytes).hex()},
          {"definition", definition}};
}

std::optional<ActiveOverride> override_from(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto bytes = parse_base64(text_at(json, "definition"));
  if (!bytes) return std::nullopt;
  ActiveOverride entry;
  entry.link = hash_link(*bytes);
  entry.set_at = text_at(json, "set_at");
  auto definition = decode_link(*bytes);
  if (!definition || entry.link.hex() != text_at(json, "link")) return std::nullopt;
  entry.definition = *std::move(definition);
  return entry;
}

Json to_json(const ModelIdentity& identity) {
  return {{"id", identity.id},
          {"name", identity.name},
          {"version", identity.version},
          {"experiment_id", identity.experiment.id},
          {"experiment_name", identity.experiment.name}};
}

ModelIdentity identity_from(const Json& json) {
  return {.id = text_at(json, "id"),
          .name = text_at(json, "name"),
          .version = text_at(json, "version"),
          .experiment = {text_at(json, "experiment_id"), text_at(json, "experiment_name")}};
}

std::optional<ActiveOverrides> overrides_from(const Json& json) {
  ActiveOverrides overrides;
  overrides.configured = identity_from(json.at("configured"));
  if (const Json& all = json.at("override"); !all.is_null()) {
    overrides.all = override_from(all);
    if (!overrides.all) return std::nullopt;
  }
  for (const auto& [service, entry] : json.at("services").items()) {
    auto override_of_service = override_from(entry);
    if (!override_of_service) return std::nullopt;
    overrides.services.emplace(service, *std::move(override_of_service));
  }
  return overrides;
}

}  // namespace

ModelIdentity identity_of(const LinkDefinition& link) {
  return {.id = link.id, .name = link.name, .version = link.version, .experiment = link.experiment};
}

std::vector<const ActiveOverride*> ActiveOverrides::entries() const {
  std::vector<const ActiveOverride*> entries;
  if (all) entries.push_back(&*all);
  for (const auto& [service, entry] : services) entries.push_back(&entry);
  return entries;
}

std::string encode_overrides(const ActiveOverrides& overrides) {
  Json services = Json::object();
  for (const auto& [service, entry] : overrides.services) services[service] = to_json(entry);
  const Json json = {{"format", kFormat},
                     {"configured", to_json(overrides.configured)},
                     {"override", overrides.all ? to_json(*overrides.all) : Json(nullptr)},
                     {"services", services}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<ActiveOverrides> decode_overrides(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool whole = json.is_object() && json.contains("format") && json["format"] == kFormat &&
                     json.contains("configured") && json["configured"].is_object() &&
                     json.contains("override") && json.contains("services") &&
                     json["services"].is_object();
  return whole ? overrides_from(json) : std::nullopt;
}

}  // namespace tracelink
