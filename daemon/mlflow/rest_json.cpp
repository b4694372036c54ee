#include "daemon/mlflow/rest_json.hpp"

#include <utility>

namespace tracelink {
namespace {

constexpr int kSearchPageSize = 50;  // the most that every version accepts

// "LOGGED_MODEL_READY" -> "READY", as MLflow's documentation writes it.
std::string short_status(const std::string& status) {
  constexpr std::string_view kPrefix = "LOGGED_MODEL_";
  const std::string word =
      status.starts_with(kPrefix) ? status.substr(kPrefix.size()) : std::string();
  return word.empty() || word == "STATUS_UNSPECIFIED" ? "UNSPECIFIED" : word;
}

}  // namespace

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json key_values(const std::map<std::string, std::string>& values) {
  Json list = Json::array();
  for (const auto& [key, value] : values) list.push_back({{"key", key}, {"value", value}});
  return list;
}

std::map<std::string, std::string> read_key_values(const Json& list) {
  std::map<std::string, std::string> values;
  for (const Json& item : list) values[text_at(item, "key")] = text_at(item, "value");
  return values;
}

const Json& member(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string text_at(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t number_at(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::string create_model_body(const CreateModel& request) {
  Json body = {{"experiment_id", request.experiment_id}};
  if (!request.name.empty()) body["name"] = request.name;
  if (!request.model_type.empty()) body["model_type"] = request.model_type;
  if (!request.source_run_id.empty()) body["source_run_id"] = request.source_run_id;
  if (!request.params.empty()) body["params"] = key_values(request.params);
  if (!request.tags.empty()) body["tags"] = key_values(request.tags);
  return to_text(body);
}

std::string search_models_body(const std::string& experiment_id, const std::string& name,
                               const std::string& page_token) {
  Json body = {{"experiment_ids", Json::array({experiment_id})}};
  // A filter cannot quote a quote; such names are found among all.
  if (!name.empty() && name.find('\'') == std::string::npos) body["filter"] = "name='" + name + "'";
  body["max_results"] = kSearchPageSize;
  body["order_by"] = Json::array({Json{{"field_name", "creation_timestamp"}, {"ascending", true}}});
  if (!page_token.empty()) body["page_token"] = page_token;
  return to_text(body);
}

std::optional<LoggedModel> read_model(const Json& model) {
  const Json& info = member(model, "info");
  LoggedModel result;
  result.model_id = text_at(info, "model_id");
  result.name = text_at(info, "name");
  result.experiment_id = text_at(info, "experiment_id");
  result.creation_timestamp = number_at(info, "creation_timestamp_ms");
  result.last_updated_timestamp = number_at(info, "last_updated_timestamp_ms");
  result.model_type = text_at(info, "model_type");
  result.source_run_id = text_at(info, "source_run_id");
  result.status = short_status(text_at(info, "status"));
  result.tags = read_key_values(member(info, "tags"));
  result.params = read_key_values(member(member(model, "data"), "params"));
  if (result.model_id.empty() || result.name.empty() || result.experiment_id.empty()) {
    return std::nullopt;
  }
  return result;
}

std::optional<Experiment> read_experiment(const Json& answer) {
  const Json& experiment = member(answer, "experiment");
  Experiment result{text_at(experiment, "experiment_id"), text_at(experiment, "name"),
                    text_at(experiment, "lifecycle_stage") == "deleted"};
  if (result.id.empty()) return std::nullopt;
  return result;
}

}  // namespace tracelink
