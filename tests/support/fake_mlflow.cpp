#include "tests/support/fake_mlflow.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace tracelink {
namespace {

using Json = nlohmann::json;
using Model = FakeMlflow::Model;
using Values = FakeMlflow::Values;

constexpr std::string_view kModels = "logged-models/";

struct Route {
  std::string call;   // "PATCH logged-models/*/tags"
  std::string id;     // of the model, or empty
  std::string query;  // decoded value of the one parameter
};

std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return plain;
}

Route route_of(const HttpRequest& request) {
  constexpr std::string_view kBelow = "/mlflow/";
  std::string path = request.url.substr(request.url.find(kBelow) + kBelow.size());
  Route route;
  if (const auto mark = path.find('?'); mark != std::string::npos) {
    route.query = decoded(path.substr(path.find('=') + 1));
    path.resize(mark);
  }
  if (path.starts_with(kModels) && path != "logged-models/search") {
    const auto end = std::min(path.find('/', kModels.size()), path.size());
    route.id = decoded(path.substr(kModels.size(), end - kModels.size()));
    path = "logged-models/*" + path.substr(end);
  }
  route.call = request.method + " " + path;
  return route;
}

HttpResponse ok(const Json& body = Json::object()) { return {200, {}, body.dump()}; }

Json to_json(const std::string& id, const FakeMlflow::Experiment& experiment) {
  return {{"experiment",
           {{"experiment_id", id},
            {"name", experiment.name},
            {"lifecycle_stage", experiment.deleted ? "deleted" : "active"}}}};
}

Json pairs(const Values& values) {
  Json list = Json::array();
  for (const auto& [key, value] : values) list.push_back({{"key", key}, {"value", value}});
  return list;
}

// Nothing if a key occurs twice.
std::optional<Values> values_of(const Json& body, const char* member) {
  Values values;
  for (const Json& pair : body.value(member, Json::array())) {
    const auto key = pair.at("key").get<std::string>();
    if (!values.emplace(key, pair.at("value").get<std::string>()).second) return std::nullopt;
  }
  return values;
}

Json to_json(const Model& model) {
  return {{"info",
           {{"model_id", model.id},
            {"experiment_id", model.experiment_id},
            {"name", model.name},
            {"creation_timestamp_ms", model.created_ms},
            {"last_updated_timestamp_ms", model.created_ms},
            {"status", model.status},
            {"model_type", model.type},
            {"source_run_id", model.source_run_id},
            {"tags", pairs(model.tags)}}},
          {"data", {{"params", pairs(model.params)}}}};
}
HttpResponse ok_model(const Model& model) { return ok({{"model", to_json(model)}}); }

HttpResponse unknown_experiment(const std::string& id) {
  return FakeMlflow::error(404, "RESOURCE_DOES_NOT_EXIST",
                           "No Experiment with id=" + id + " exists");
}
HttpResponse not_unique() {
  return FakeMlflow::error(400, "BAD_REQUEST",
                           "(sqlite3.IntegrityError) UNIQUE constraint failed: "
                           "logged_model_params.model_id, logged_model_params.param_key\n[SQL: …]");
}

HttpResponse get_experiment(const FakeMlflow& mlflow, const Route& route) {
  const bool by_name = route.call == "GET experiments/get-by-name";
  for (const auto& [id, experiment] : mlflow.experiments) {
    if ((by_name ? experiment.name : id) == route.query) return ok(to_json(id, experiment));
  }
  if (!by_name) return unknown_experiment(route.query);
  return FakeMlflow::error(404, "RESOURCE_DOES_NOT_EXIST",
                           "Could not find experiment with name '" + route.query + "'");
}

HttpResponse create_experiment(FakeMlflow& mlflow, const std::string& name) {
  for (const auto& entry : mlflow.experiments) {
    if (entry.second.name != name) continue;
    return FakeMlflow::error(400, "RESOURCE_ALREADY_EXISTS", "Experiment already exists.");
  }
  const std::string id = std::to_string(mlflow.experiments.size());
  mlflow.experiments[id] = {name};
  return ok({{"experiment_id", id}});
}

// Why no model can be created so.
std::optional<HttpResponse> refusal(const FakeMlflow& mlflow, const Model& model) {
  const auto found = mlflow.experiments.find(model.experiment_id);
  if (found == mlflow.experiments.end()) return unknown_experiment(model.experiment_id);
  if (found->second.deleted) {
    return FakeMlflow::error(400, "INVALID_PARAMETER_VALUE",
                             "The experiment " + model.experiment_id +
                                 " must be in the 'active' state. Current state is deleted.");
  }
  if (model.name.empty() || model.name.find_first_of("/:.%\"'") != std::string::npos) {
    return FakeMlflow::error(400, "INVALID_PARAMETER_VALUE",
                             "Invalid model name ('" + model.name + "') provided. …");
  }
  return std::nullopt;
}

std::optional<Model> new_model(const Json& body) {
  const auto tags = values_of(body, "tags"), params = values_of(body, "params");
  if (!tags || !params) return std::nullopt;
  Model model;
  model.experiment_id = body.at("experiment_id").get<std::string>();
  model.name = body.at("name").get<std::string>();
  model.type = body.value("model_type", "");
  model.source_run_id = body.value("source_run_id", "");
  model.tags = *tags;
  model.params = *params;
  return model;
}

HttpResponse insert_params(Model& model, const Json& body) {
  const auto params = values_of(body, "params");
  const auto is_there = [&](const auto& entry) { return model.params.contains(entry.first); };
  if (!params || std::any_of(params->begin(), params->end(), is_there)) return not_unique();
  model.params.insert(params->begin(), params->end());
  return ok();
}

HttpResponse set_tags(Model& model, const Json& body) {
  const auto tags = values_of(body, "tags");
  if (!tags) return not_unique();
  for (const auto& [key, value] : *tags) model.tags[key] = value;
  return ok();
}

HttpResponse change_model(Model& model, const Route& route, const Json& body) {
  if (route.call == "GET logged-models/*") return ok_model(model);
  if (route.call == "DELETE logged-models/*") {
    model.deleted = true;
    return ok();
  }
  if (body.value("model_id", "") != route.id) {
    return FakeMlflow::error(400, "INVALID_PARAMETER_VALUE",
                             "Missing value for required parameter 'model_id'");
  }
  if (route.call == "POST logged-models/*/params") return insert_params(model, body);
  if (route.call == "PATCH logged-models/*/tags") return set_tags(model, body);
  model.status = body.at("status").get<std::string>();
  return ok_model(model);
}

HttpResponse search_models(const FakeMlflow& mlflow, const Json& body) {
  const auto experiment_id = body.at("experiment_ids").at(0).get<std::string>();
  const std::string filter = body.value("filter", "");
  std::vector<const Model*> hits;
  for (const Model& model : mlflow.models) {
    const bool passes = filter.empty() || filter == "name='" + model.name + "'";
    if (passes && !model.deleted && model.experiment_id == experiment_id) hits.push_back(&model);
  }
  std::ranges::stable_sort(hits, {}, [](const auto* hit) { return hit->created_ms; });
  const std::size_t from = std::stoul(body.value("page_token", "0"));
  const auto asked = body.at("max_results").get<std::size_t>();
  const std::size_t to = from + std::min(mlflow.page_size, asked);
  Json answer = Json::object();
  for (std::size_t i = from; i < std::min(to, hits.size()); ++i) {
    answer["models"].push_back(to_json(*hits[i]));
  }
  if (to < hits.size()) answer["next_page_token"] = std::to_string(to);
  return ok(answer);
}

HttpResponse search_traces(const FakeMlflow& mlflow, const Json& body) {
  const auto filter = body.at("filter").get<std::string>();
  const auto has_traces = [&](const std::string& id) {
    return filter == "request_metadata.`mlflow.modelId` = '" + id + "'";
  };
  if (!std::ranges::any_of(mlflow.linked_models, has_traces)) {
    return ok();
  }
  Json answer;
  answer["traces"].push_back({{"trace_id", "tr-1"}});
  return ok(answer);
}

}  // namespace

HttpResponse FakeMlflow::error(int status, std::string_view code, std::string_view message) {
  return {status, {}, Json{{"error_code", code}, {"message", message}}.dump()};
}

HttpResponse FakeMlflow::answer(const HttpRequest& request) {
  const Route route = route_of(request);
  calls.push_back(route.call);
  before(route.call);
  if (auto refused = refuse(route.call)) return *std::move(refused);
  const Json body = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (route.call.starts_with("GET experiments/")) return get_experiment(*this, route);
  if (route.call == "POST experiments/create") {
    return create_experiment(*this, body.at("name").get<std::string>());
  }
  if (route.call == "POST traces/search") return search_traces(*this, body);
  if (route.call == "POST logged-models/search") return search_models(*this, body);
  if (route.call == "POST logged-models") {
    auto created = new_model(body);
    if (!created) return not_unique();
    if (auto refused = refusal(*this, *created)) return *std::move(refused);
    return ok_model(insert(*std::move(created)));
  }
  const auto found = std::ranges::find_if(
      models, [&](const Model& model) { return model.id == route.id && !model.deleted; });
  if (found != models.end()) return change_model(*found, route, body);
  return error(404, "RESOURCE_DOES_NOT_EXIST",
               "Logged model with ID '" + route.id + "' not found.");
}

FakeMlflow::Model& FakeMlflow::insert(Model model) {
  const std::string number = std::to_string(models.size());
  model.id = "m-" + std::string(32 - number.size(), '0') + number;
  const auto created = clock_.wall().time_since_epoch() - commit_time();
  model.created_ms = std::chrono::duration_cast<std::chrono::milliseconds>(created).count();
  return models.emplace_back(std::move(model));
}

std::string FakeMlflow::add(std::string name, const std::string& status,
                            std::string experiment_id) {
  Model model;
  model.experiment_id = std::move(experiment_id);
  model.name = std::move(name);
  model.status = "LOGGED_MODEL_" + status;
  return insert(std::move(model)).id;
}

FakeMlflow::Model& FakeMlflow::model(const std::string& id) {
  return *std::ranges::find(models, id, &Model::id);
}

std::vector<std::string> FakeMlflow::ids_with(const std::string& status) const {
  std::vector<std::string> ids;
  for (const Model& each : models) {
    if (!each.deleted && each.status == "LOGGED_MODEL_" + status) ids.push_back(each.id);
  }
  return ids;
}

std::size_t FakeMlflow::count(const std::string& call) const {
  return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), call));
}

}  // namespace tracelink
