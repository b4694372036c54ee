#include "daemon/app/public_status.hpp"

#include <cstddef>
#include <initializer_list>

#include <nlohmann/json.hpp>

namespace tracelink {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMaxModels = 200;
constexpr char kFileRemedy[] = "tracelink status has its path and what to do";

ordered_json only(const ordered_json& object, std::initializer_list<const char*> keys) {
  if (!object.is_object()) return nullptr;
  ordered_json some = ordered_json::object();
  for (const char* key : keys) {
    if (const auto found = object.find(key); found != object.end()) some[key] = *found;
  }
  return some;
}

ordered_json public_model(const ordered_json& model) {
  return only(model, {"state", "id", "name", "requested_name", "error", "named_by"});
}

ordered_json public_models(const ordered_json& models) {
  ordered_json some = ordered_json::array();
  for (const ordered_json& model : models) {
    if (some.size() == kMaxModels) break;
    some.push_back(public_model(model));
  }
  return some;
}

// The places of files are the host's own affair.
ordered_json public_hold(const ordered_json& held) {
  if (!held.at("scope").get<std::string>().starts_with("file ")) return held;
  ordered_json file = held;
  file["scope"] = "a file of the state directory";
  file["reason"] = "cannot be read";
  file["remedy"] = kFileRemedy;
  return file;
}

ordered_json public_error(const ordered_json& error, const std::string& state_dir) {
  const auto has_path = [&](const char* key) {
    return error.at(key).get<std::string>().find(state_dir) != std::string::npos;
  };
  if (error.is_null() || (!has_path("message") && !has_path("remedy"))) return error;
  ordered_json of_file = error;
  of_file["message"] = "a file of the state directory fails";
  of_file["remedy"] = kFileRemedy;
  return of_file;
}

}  // namespace

std::string public_status(const ordered_json& all) {
  ordered_json shown =
      only(all, {"version", "uptime_s", "experiment", "queue", "spans", "rejected_spans",
                 "delivery", "held_scopes", "waiting_for_root", "last_delivery_at"});
  shown["model"] = public_model(all.at("model"));
  shown["models"] = public_models(all.at("models"));
  shown["models_in_use"] = all.at("models").size();
  shown["server"] = only(all.at("server"), {"uri", "version", "state"});
  shown["last_error"] = public_error(all.at("last_error"), all.at("state_dir"));
  shown["held"] = ordered_json::array();
  for (const ordered_json& held : all.at("held")) shown["held"].push_back(public_hold(held));
  return shown.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace tracelink
