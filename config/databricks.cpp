#include "config/databricks.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "config/file_content.hpp"
#include "config/key_table.hpp"
#include "config/merge.hpp"
#include "config/text.hpp"
#include "config/tracking_uri.hpp"
#include "config/value.hpp"
#include "daemon/databricks/settings/profile_file.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kSection = "databricks.";
constexpr std::string_view kProfile = "databricks.profile";
constexpr std::string_view kProfileVariable = "DATABRICKS_CONFIG_PROFILE";
constexpr std::size_t kMostProfileBytes = 1u << 20;

struct Variable {
  std::string_view name, key;
};
// As Databricks' SDK names them; of two for one key the first that is set.
constexpr Variable kVariables[] = {
    {kProfileVariable, kProfile},
    {"DATABRICKS_CONFIG_FILE", "databricks.config_file"},
    {"DATABRICKS_HOST", "databricks.host"},
    {"DATABRICKS_AUTH_TYPE", "databricks.auth_type"},
    {"DATABRICKS_ACCOUNT_ID", "databricks.account_id"},
    {"DATABRICKS_WORKSPACE_ID", "databricks.workspace_id"},
    {"DATABRICKS_DISCOVERY_URL", "databricks.discovery_url"},
    {"DATABRICKS_GROUP_ID", "databricks.group_id"},
    {"DATABRICKS_TOKEN", "databricks.token"},
    {"DATABRICKS_USERNAME", "databricks.username"},
    {"DATABRICKS_PASSWORD", "databricks.password"},
    {"DATABRICKS_CLIENT_ID", "databricks.client_id"},
    {"DATABRICKS_CLIENT_SECRET", "databricks.client_secret"},
    {"DATABRICKS_OIDC_TOKEN_ENV", "databricks.oidc_token_env"},
    {"DATABRICKS_OIDC_TOKEN_FILEPATH", "databricks.oidc_token_filepath"},
    {"DATABRICKS_OIDC_TOKEN_FILE", "databricks.oidc_token_filepath"},
    {"DATABRICKS_AZURE_RESOURCE_ID", "databricks.azure_workspace_resource_id"},
    {"ARM_CLIENT_ID", "databricks.azure_client_id"},
    {"ARM_CLIENT_SECRET", "databricks.azure_client_secret"},
    {"ARM_TENANT_ID", "databricks.azure_tenant_id"},
    {"ARM_ENVIRONMENT", "databricks.azure_environment"},
};

std::string value_of(const LoadContext& context, std::string_view variable) {
  const auto found = context.environment.find(std::string(variable));
  return found == context.environment.end() ? "" : found->second;
}

Settings read_variables(const LoadContext& context) {
  Settings settings;
  for (const auto& [variable, key] : kVariables) {
    const std::string value(without_blank_ends(value_of(context, variable)));
    if (!value.empty()) settings.push_back({std::string(key), value, {std::string(variable)}});
  }
  return settings;
}

// What the sources so far say, without checks: wrong values are told elsewhere.
DatabricksValues values_of(const std::map<std::string, Setting>& merged) {
  Config config;
  for (const auto& [key, setting] : merged) {
    if (key.starts_with(kSection)) (void)assign(*find_key(key), setting, config);
  }
  const DatabricksValues& values = config.databricks;
  return values;
}

struct ProfileFile {
  std::string path;
  bool is_named = false;  // by a person, who wants it read
};

ProfileFile profile_file(const DatabricksValues& values, const LoadContext& context) {
  const std::string home = value_of(context, "HOME");
  const std::string& named = values.config_file;
  if (named.starts_with("~/") && !home.empty()) return {home + named.substr(1), true};
  if (!named.empty()) return {named, true};
  return {home.empty() ? "" : home + "/.databrickscfg", false};
}

std::string origin_of_profile(const Profile& profile, const std::string& file) {
  return "profile [" + profile.name + "] of " + file;
}

Settings settings_of(const Profile& profile, const std::string& file) {
  Settings settings;
  for (const auto& [name, text] : profile.values) {
    const std::string value(without_blank_ends(text));
    const std::string path = std::string(kSection) + name;
    if (value.empty() || path == kProfile || find_key(path) == nullptr) continue;
    settings.push_back({path, value, {origin_of_profile(profile, file)}});
  }
  return settings;
}

Settings read_profile_settings(const std::map<std::string, Setting>& merged,
                               const LoadContext& context, std::vector<ConfigProblem>& errors) {
  const DatabricksValues values = values_of(merged);
  if (!needs_profile(values)) return {};
  const ProfileFile file = profile_file(values, context);
  if (file.path.empty()) return {};
  const std::string key(values.profile.empty() ? "databricks.config_file" : kProfile);
  const auto found = merged.find(key);
  const Place place = found == merged.end() ? Place{file.path} : found->second.place;
  const auto content = file_content(file.path, kMostProfileBytes);
  if (!content) {
    const bool may_be_missing = !file.is_named && values.profile.empty();
    if (!may_be_missing) {
      errors.push_back(place.problem(key, quoted(file.path) + " " + content.error().message));
    }
    return {};
  }
  const auto profile = read_profile(*content, values.profile);
  if (!profile) {
    errors.push_back(place.problem(key, file.path + ": " + profile.error().message));
    return {};
  }
  return *profile ? settings_of(**profile, file.path) : Settings();
}

// The profile that the URI names; two that differ are told, except that the variable of the SDK
// gives way, as it does there.
Settings profile_of_uri(const std::map<std::string, Setting>& merged, const std::string& profile,
                        std::vector<ConfigProblem>& errors) {
  const Setting& uri = merged.at("tracking.uri");
  const auto other = merged.find(std::string(kProfile));
  if (other != merged.end() && text_of(other->second) != profile &&
      other->second.place.source != kProfileVariable) {
    errors.push_back(other->second.place.problem(
        std::string(kProfile),
        "tracking.uri names the profile " + quoted(profile) + "; write one of the two"));
  }
  return {{std::string(kProfile), profile, uri.place}};
}

std::optional<std::string> profile_in(const std::map<std::string, Setting>& merged) {
  const auto uri = merged.find("tracking.uri");
  if (uri == merged.end()) return std::nullopt;
  const auto parsed = parse_tracking_uri(text_of(uri->second));
  return parsed ? parsed->databricks_profile : std::nullopt;
}

void warn_of_unused(Draft& draft, std::string_view section) {
  for (const auto& [key, setting] : draft.settings) {
    if (!key.starts_with(section) || text_of(setting).empty()) continue;
    draft.loaded.warnings.push_back(
        setting.place.problem(key, "not used: tracking.uri is not databricks"));
  }
}

// Databricks knows nobody by these.
void warn_of_credentials(Draft& draft) {
  for (const std::string key :
       {"tracking.token", "tracking.username", "tracking.password", "tracking.workspace"}) {
    if (!draft.settings.contains(key)) continue;
    draft.loaded.warnings.push_back(problem_of(
        draft, key, "not used with Databricks; its credentials are the keys databricks.*"));
  }
}

void check_experiment(Draft& draft, const LoadContext& context) {
  const Config& config = draft.loaded.config;
  const std::string& name = config.experiment.name;
  const std::string wanted = "a path in the workspace such as /Shared/support, or experiment.id";
  if (!name.empty() && !name.starts_with('/')) {
    draft.errors.push_back(problem_of(draft, "experiment.name",
                                      "found " + quoted(name) + ", allowed with Databricks: " +
                                          wanted + "; write /Shared/" + name));
  } else if (name.empty() && config.experiment.id.empty() && config.model.id.empty() &&
             context.model_required) {
    draft.errors.push_back(problem_of(draft, "experiment.name",
                                      "Databricks has no default experiment; set it to " + wanted));
  }
}

void check_trace_location(Draft& draft) {
  const std::string& text = draft.loaded.config.databricks.trace_location;
  const bool has_empty_part =
      text.starts_with('.') || text.ends_with('.') || text.find("..") != std::string::npos;
  const auto dots = std::ranges::count(text, '.');
  if (text.empty() || (!has_empty_part && (dots == 1 || dots == 2))) return;
  draft.errors.push_back(
      problem_of(draft, "databricks.trace_location",
                 "found " + quoted(text) + ", allowed: catalog.schema.prefix, or catalog.schema"));
}

void check_listener(Draft& draft) {
  if (draft.loaded.config.listen.mlflow.empty()) return;
  draft.errors.push_back(problem_of(draft, "listen.mlflow",
                                    "not possible with Databricks yet; applications send OTLP, or "
                                    "use MLflow's SDK with MLFLOW_TRACKING_URI=databricks"));
}

std::string shown_origin_of(const Draft& draft, std::string_view name) {
  const auto found = draft.settings.find(std::string(kSection) + std::string(name));
  if (found == draft.settings.end()) return "not set";
  const Place& place = found->second.place;
  return place.line > 0 ? place.source + ":" + std::to_string(place.line) : place.source;
}

void resolve(Draft& draft, const LoadContext& context) {
  DatabricksResolution resolution =
      resolve_workspace(draft.loaded.config.databricks, context.environment,
                        [&](std::string_view name) { return shown_origin_of(draft, name); });
  for (DatabricksProblem& problem : resolution.problems) {
    draft.errors.push_back(
        problem_of(draft, std::string(kSection) + problem.name, std::move(problem.message)));
  }
  draft.loaded.config.workspace = std::move(resolution.workspace);
}

bool has_databricks_error(const Draft& draft) {
  for (const ConfigProblem& error : draft.errors) {
    if (error.key.starts_with(kSection)) return true;
  }
  return false;
}

void warn_of_plain_http(Draft& draft) {
  const auto& workspace = draft.loaded.config.workspace;
  if (!workspace || workspace->host.starts_with("https://")) return;
  draft.loaded.warnings.push_back(
      problem_of(draft, "databricks.host",
                 "without TLS the credential can be read on its way; write https://"));
}

}  // namespace

void add_databricks_sources(std::vector<Settings>& strongest_first, const LoadContext& context,
                            std::vector<ConfigProblem>& errors) {
  const auto profile = profile_in(merge(strongest_first));
  if (!profile) return;
  strongest_first.insert(strongest_first.end() - 1, read_variables(context));
  if (!profile->empty()) {
    strongest_first.insert(strongest_first.begin(),
                           profile_of_uri(merge(strongest_first), *profile, errors));
  }
  strongest_first.push_back(read_profile_settings(merge(strongest_first), context, errors));
}

void complete_databricks(Draft& draft, const LoadContext& context) {
  if (!profile_in(draft.settings)) return warn_of_unused(draft, kSection);
  warn_of_credentials(draft);
  check_experiment(draft, context);
  check_listener(draft);
  check_trace_location(draft);
  if (has_databricks_error(draft)) return;
  resolve(draft, context);
  warn_of_plain_http(draft);
}

}  // namespace tracelink
