#include "config/reload.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <type_traits>
#include <variant>

#include "config/key_table.hpp"
#include "config/value.hpp"

namespace tracelink {
namespace {

constexpr auto kLive = std::to_array<std::string_view>({"model.id",
                                                        "model.name",
                                                        "model.version",
                                                        "model.git",
                                                        "model.type",
                                                        "model.source_run_id",
                                                        "model.description",
                                                        "model.source",
                                                        "model.params",
                                                        "model.tags",
                                                        "model.name_policy",
                                                        "experiment.id",
                                                        "experiment.name",
                                                        "tracking.token",
                                                        "tracking.username",
                                                        "tracking.password",
                                                        "databricks.token",
                                                        "databricks.username",
                                                        "databricks.password",
                                                        "databricks.client_id",
                                                        "databricks.client_secret",
                                                        "databricks.azure_client_id",
                                                        "databricks.azure_client_secret",
                                                        "log.level",
                                                        "tracking.uri",
                                                        "listen.max_request_bytes",
                                                        "limits.memory",
                                                        "limits.connections"});

void copy(const Key& key, Config& from, Config& to) {
  std::visit(
      [&](const auto field) {
        if constexpr (std::is_same_v<decltype(field(to)), Word>) {
          field(to).set(field(from).number);
        } else {
          field(to) = field(from);
        }
      },
      key.field);
}

// What passes on the requests of MLflow's SDK was made for one address.
bool is_movable(const Config& config) {
  return config.tracking.uri.starts_with("http") && config.listen.mlflow.empty();
}

bool is_taken_up(std::string_view key, const Config& running, const Config& loaded) {
  if (key == "tracking.uri") return is_movable(running) && is_movable(loaded);
  return is_live(key);
}

bool is_overridden_anew(const std::string& key, const LoadedConfig& running,
                        const LoadedConfig& loaded) {
  const auto now = loaded.overridden.find(key);
  if (now == loaded.overridden.end()) return false;
  const auto before = running.overridden.find(key);
  return before == running.overridden.end() || before->second != now->second;
}

}  // namespace

bool is_live(std::string_view key) { return std::ranges::count(kLive, key) != 0; }

ConfigChange changes_between(const LoadedConfig& running, const LoadedConfig& loaded) {
  ConfigChange change{.config = running.config, .taken_up = {}, .restart = {}, .overridden = {}};
  Config next = loaded.config;
  for (const Key& key : key_table()) {
    const std::string path(key.path);
    if (is_overridden_anew(path, running, loaded)) change.overridden.push_back(path);
    if (display(key, running.config) == display(key, loaded.config)) continue;
    const bool now = is_taken_up(path, running.config, loaded.config);
    (now ? change.taken_up : change.restart).push_back(path);
    if (now) copy(key, next, change.config);
  }
  // Found by the loader, as of now.
  change.config.model.git_facts = next.model.git_facts;
  change.config.model.origin = next.model.origin;
  return change;
}

}  // namespace tracelink
