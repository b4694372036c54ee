#include "daemon/mlflow/knowledge/model_by_name.hpp"

#include "daemon/mlflow/rest/rest_json.hpp"

namespace tracelink {
namespace {

std::string_view without_blanks_before(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

// The name in the filter "name='…'"; empty: it is another one. The SDK escapes nothing.
std::string name_in_filter(std::string_view filter) {
  constexpr std::string_view kField = "name";
  filter = without_blanks_before(filter);
  if (!filter.starts_with(kField)) return {};
  filter = without_blanks_before(filter.substr(kField.size()));
  if (!filter.starts_with('=')) return {};
  filter = without_blanks_before(filter.substr(1));
  if (filter.size() < 2) return {};
  const char quote = filter.front();
  if ((quote != '\'' && quote != '"') || filter.back() != quote) return {};
  const std::string_view name = filter.substr(1, filter.size() - 2);
  return name.find(quote) == std::string_view::npos ? std::string(name) : std::string();
}

Json model_json(const std::string& id, const ModelByName& named) {
  const std::string root = "mlflow-artifacts:/" + named.experiment_id + "/models/" + id;
  return {{"info",
           {{"model_id", id},
            {"experiment_id", named.experiment_id},
            {"name", named.name},
            {"artifact_uri", root + "/artifacts"},
            {"creation_timestamp_ms", 0},
            {"last_updated_timestamp_ms", 0},
            {"status", "LOGGED_MODEL_READY"},
            {"tags", Json::array({{{"key", "mlflow.model.isExternal"}, {"value", "true"}}})}}},
          {"data", Json::object()}};
}

}  // namespace

std::optional<ModelByName> model_asked_for(std::string_view body) {
  const Json json = parse_shallow(body);
  const Json& experiments = member(json, "experiment_ids");
  if (!experiments.is_array() || experiments.size() != 1 || !experiments[0].is_string()) {
    return std::nullopt;
  }
  ModelByName asked{.name = name_in_filter(text_at(json, "filter")),
                    .experiment_id = experiments[0].get<std::string>()};
  if (asked.name.empty() || asked.experiment_id.empty()) return std::nullopt;
  return asked;
}

std::string model_answer(const std::string& id, const ModelByName& named) {
  return to_text(Json{{"model", model_json(id, named)}});
}

std::string models_answer(const std::string& id, const ModelByName& named) {
  return to_text(Json{{"models", Json::array({model_json(id, named)})}});
}

}  // namespace tracelink
