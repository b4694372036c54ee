#include "config/environment_source.hpp"

#include <array>
#include <utility>

#include "config/key_table.hpp"
#include "config/text.hpp"
#include "daemon/text/ascii_case.hpp"
#include "daemon/text/blanks.hpp"
#include "daemon/types/model_id.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kPrefix = "TRACELINK_";
constexpr std::string_view kActiveModel = "MLFLOW_ACTIVE_MODEL_ID";

constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kMlflowVariables{{
    {"MLFLOW_TRACKING_URI", "tracking.uri"},
    {"MLFLOW_EXPERIMENT_NAME", "experiment.name"},
    {"MLFLOW_EXPERIMENT_ID", "experiment.id"},
    {"MLFLOW_TRACKING_TOKEN", "tracking.token"},
    {"MLFLOW_TRACKING_USERNAME", "tracking.username"},
    {"MLFLOW_TRACKING_PASSWORD", "tracking.password"},
    {"MLFLOW_TRACKING_INSECURE_TLS", "tracking.insecure_tls"},
    {"MLFLOW_TRACKING_SERVER_CERT_PATH", "tracking.ca_file"},
    {"MLFLOW_TRACKING_CLIENT_CERT_PATH", "tracking.client_cert_file"},
    {"MLFLOW_WORKSPACE", "tracking.workspace"},
    {"MLFLOW_TRACING_SQL_WAREHOUSE_ID", "databricks.warehouse_id"},
}};

// Set by Kubernetes for a Service named tracelink, or no key but known.
bool is_foreign(std::string_view variable) {
  return variable.starts_with("TRACELINK_SERVICE_") || variable.starts_with("TRACELINK_PORT") ||
         variable == "TRACELINK_CONFIG";
}

const Key* key_of_variable(std::string_view variable) {
  for (const Key& key : key_table()) {
    if (variable_name(key) == variable) return &key;
  }
  return nullptr;
}

std::string path_of(std::string_view variable) {
  std::string path;
  for (const auto part : split(variable.substr(kPrefix.size()), "__")) {
    path += (path.empty() ? "" : ".") + lower_case(std::string(part));
  }
  return path;
}

ConfigProblem unknown_variable(const std::string& variable) {
  const std::string path = path_of(variable);
  for (const Key& key : key_table()) {
    if (key.syntax == Syntax::map && path.starts_with(key.path)) {
      return {variable, 0, 0, std::string(key.path),
              "not used: a map can be set in the configuration file only"};
    }
  }
  std::string message = "not used: it names no key";
  if (const Key* near = find_key(nearest_key(path))) {
    message += "; did you mean " + variable_name(*near) + "?";
  }
  return {variable, 0, 0, path, message};
}

// A variable of blanks alone counts as not set, as an empty one does, but is reported: its author
// meant to set it.
bool is_blank(std::string_view variable, std::string_view value,
              std::vector<ConfigProblem>& warnings) {
  if (!without_blank_ends(value).empty()) return false;
  warnings.push_back({std::string(variable), 0, 0, "", "holds only blanks: it counts as not set"});
  return true;
}

std::string value_of(const std::map<std::string, std::string>& environment,
                     std::string_view variable) {
  const auto found = environment.find(std::string(variable));
  return found == environment.end() ? "" : found->second;
}

}  // namespace

Settings read_tracelink_variables(const std::map<std::string, std::string>& environment,
                                  std::vector<ConfigProblem>& warnings) {
  Settings settings;
  for (auto it = environment.lower_bound(std::string(kPrefix));
       it != environment.end() && it->first.starts_with(kPrefix); ++it) {
    const auto& [variable, value] = *it;
    if (is_foreign(variable) || value.empty() || is_blank(variable, value, warnings)) continue;
    const Key* key = key_of_variable(variable);
    if (key && key->syntax != Syntax::map) {
      settings.push_back({std::string(key->path), value, {variable}});
    } else {
      warnings.push_back(unknown_variable(variable));
    }
  }
  return settings;
}

Settings read_mlflow_variables(const std::map<std::string, std::string>& environment,
                               std::vector<ConfigProblem>& warnings) {
  Settings settings;
  for (const auto& [variable, key] : kMlflowVariables) {
    const std::string value = value_of(environment, variable);
    if (value.empty() || is_blank(variable, value, warnings)) continue;
    settings.push_back({std::string(key), value, {std::string(variable)}});
  }
  const std::string model = value_of(environment, kActiveModel);
  if (model.empty() || is_blank(kActiveModel, model, warnings)) return settings;
  const std::string_view named = without_blank_ends(model);
  const std::string key = looks_like_model_id(named) ? "model.id" : "model.name";
  settings.push_back({key, std::string(named), {std::string(kActiveModel)}});
  return settings;
}

}  // namespace tracelink
