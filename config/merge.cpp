#include "config/merge.hpp"

#include <algorithm>
#include <array>

#include "config/text.hpp"
#include "config/tracking_uri.hpp"
#include "daemon/types/model_id.hpp"

namespace tracelink {
namespace {

using Identity = std::vector<std::string_view>;  // its keys; the id first, then the name
const std::array<Identity, 2>& identities() {
  static const std::array<Identity, 2> all{
      {{"model.id", "model.name", "model.version"}, {"experiment.id", "experiment.name"}}};
  return all;
}

const Identity* identity_of(std::string_view key) {
  const auto found = std::ranges::find_if(identities(), [&](const Identity& identity) {
    return std::ranges::count(identity, key) != 0;
  });
  return found == identities().end() ? nullptr : &*found;
}

const Setting* find_nonempty(const Settings& source, std::string_view key) {
  const auto found = std::ranges::find_if(source, [&](const Setting& setting) {
    return setting.key == key && !text_of(setting).empty();
  });
  return found == source.end() ? nullptr : &*found;
}

bool sets_any(const Settings& source, const Identity& identity) {
  return std::ranges::any_of(
      identity, [&](std::string_view key) { return find_nonempty(source, key) != nullptr; });
}

std::string name_of(const Setting& setting) {
  return setting.place.line > 0 ? setting.key : setting.key + " (" + setting.place.source + ")";
}

void check_model_id(const Setting& setting, std::vector<ConfigProblem>& errors) {
  const std::string id = text_of(setting);
  if (is_model_id(id)) return;
  errors.push_back(setting.place.problem(
      setting.key,
      "found " + setting.found(quoted(id)) + ", allowed: m- and 32 lower-case hex digits; " +
          (looks_like_model_id(id) ? fault_of_model_id(id) : "a name belongs in model.name")));
}

bool sets(const Settings& source, std::string_view key) {
  return std::ranges::any_of(source, [&](const Setting& setting) { return setting.key == key; });
}

}  // namespace

std::map<std::string, Setting> merge(const std::vector<Settings>& strongest_first) {
  std::map<std::string, Setting> merged;
  std::map<const Identity*, const Settings*> owner;
  for (const Settings& source : strongest_first) {
    for (const Identity& identity : identities()) {
      if (sets_any(source, identity)) owner.emplace(&identity, &source);
    }
    for (const Setting& setting : source) {
      const Identity* identity = identity_of(setting.key);
      const auto of_identity = owner.find(identity);
      if (identity && (of_identity == owner.end() || of_identity->second != &source)) continue;
      merged.emplace(setting.key, setting);
    }
  }
  return merged;
}

void take_credentials_of_uri(std::vector<Settings>& strongest_first) {
  constexpr const char* kUri = "tracking.uri";
  const auto source = std::ranges::find_if(
      strongest_first, [&](const Settings& settings) { return sets(settings, kUri); });
  if (source == strongest_first.end()) return;
  const Setting uri = *std::ranges::find(*source, kUri, &Setting::key);
  const auto parsed = parse_tracking_uri(text_of(uri));
  if (!parsed) return;
  for (const auto& [key, value] : {std::pair("tracking.username", parsed->username),
                                   std::pair("tracking.password", parsed->password)}) {
    if (value.empty() || sets(*source, key)) continue;
    Setting& credential = source->emplace_back(uri);
    credential.key = key;
    credential.value = value;
  }
}

void check_identities(const Settings& source, std::vector<ConfigProblem>& errors) {
  for (const Identity& identity : identities()) {
    const Setting* id = find_nonempty(source, identity.front());
    if (!id) continue;
    if (id->key == "model.id") check_model_id(*id, errors);
    for (std::size_t i = 1; i < identity.size(); ++i) {
      const Setting* other = find_nonempty(source, identity[i]);
      if (!other) continue;
      errors.push_back(id->place.problem(
          id->key, "set together with " + name_of(*other) + "; keep one of the two"));
    }
  }
}

}  // namespace tracelink
