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
                                                        "log.level"});

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

bool is_masked_anew(const std::string& key, const LoadedConfig& running,
                    const LoadedConfig& loaded) {
  const auto now = loaded.masked.find(key);
  if (now == loaded.masked.end()) return false;
  const auto before = running.masked.find(key);
  return before == running.masked.end() || before->second != now->second;
}

}  // namespace

bool is_live(std::string_view key) { return std::ranges::count(kLive, key) != 0; }

ConfigChange changes_between(const LoadedConfig& running, const LoadedConfig& loaded) {
  ConfigChange change{.config = running.config, .taken_up = {}, .restart = {}, .masked = {}};
  Config next = loaded.config;
  for (const Key& key : key_table()) {
    const std::string path(key.path);
    if (is_masked_anew(path, running, loaded)) change.masked.push_back(path);
    if (display(key, running.config) == display(key, loaded.config)) continue;
    (is_live(path) ? change.taken_up : change.restart).push_back(path);
    if (is_live(path)) copy(key, next, change.config);
  }
  // Found by the loader, as of now.
  change.config.model.source = next.model.source;
  change.config.model.origin = next.model.origin;
  return change;
}

}  // namespace tracelink
