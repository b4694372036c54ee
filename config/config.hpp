#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/databricks/settings/databricks_values.hpp"
#include "daemon/databricks/settings/databricks_workspace.hpp"
#include "daemon/git/git_facts.hpp"
#include "daemon/git/origin.hpp"
#include "daemon/types/limits.hpp"
#include "daemon/types/link_definition.hpp"
#include "daemon/types/policies.hpp"

namespace tracelink {

// The configuration after all sources are merged (docs/configuration.md). Plain values, checked.
// Enumerations have the order of their words in the key table. Defaults that depend on the user and
// environment (paths) are filled by the loader.

enum class DestinationKind { mlflow, file };
// Traces are linked to models there, and it has an address.
constexpr bool is_tracking_server(DestinationKind kind) { return kind == DestinationKind::mlflow; }
enum class LogLevel { trace, debug, info, warn, error };
enum class LogFormat { automatic, text, json, journald };

struct ModelConfig {
  std::string id, name, version;
  std::string git = "auto";  // auto | off | path of a work tree
  GitFacts git_facts;        // what `git` names tells; found by the loader
  Origin origin;             // of models that are created; found by the loader
  std::string type, source_run_id, description, source;
  std::map<std::string, std::string> params, tags;
  NamePolicy name_policy = NamePolicy::automatic;
  bool delete_twins = true;
  FromTraces from_traces = FromTraces::names;
  std::uint32_t max_names = 100;
};
struct ExperimentConfig {
  std::string id, name;
};
struct TrackingConfig {
  std::string uri;
  std::chrono::milliseconds timeout{30'000};
  std::string token, username, password, workspace;
  bool insecure_tls = false;
  std::string ca_file, client_cert_file;
};
struct DatabricksConfig : DatabricksValues {
  std::string trace_location;  // catalog.schema.prefix
  std::string warehouse_id;    // for what reads from Unity Catalog
};
struct ArchiveConfig {
  std::string dir;
  std::uint64_t max_bytes = 1ull << 30;
};
struct SocketConfig {
  std::string path, mode = "0660", owner, group;
  std::vector<std::uint32_t> allow_uids, allow_gids;
};
struct ListenConfig {
  SocketConfig socket;
  std::string tcp;
  std::string mlflow;
};
struct QueueConfig {
  std::uint64_t max_bytes = 10ull << 30;
  OnFull on_full = OnFull::wait;
};
struct ForwardConfig {
  std::uint32_t connections = 2, max_traces_per_batch = 50;
  std::uint32_t max_traces_per_second = 0;  // 0: no limit
  std::uint64_t max_batch_bytes = 8ull << 20;
  std::chrono::milliseconds trace_grace{2'000}, trace_idle{600'000};
  std::string version_tag = "tracelink.version";
};
struct ControlConfig {
  std::string socket, http;
};
struct LogConfig {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::automatic;
};

struct Config {
  ModelConfig model;
  ExperimentConfig experiment;
  DestinationKind destination = DestinationKind::mlflow;
  TrackingConfig tracking;
  DatabricksConfig databricks;
  // What its values mean, found by the loader; nothing: the tracking server is not Databricks.
  std::optional<DatabricksWorkspace> workspace;
  ArchiveConfig archive;
  std::string state_dir;
  ListenConfig listen;
  Limits limits;
  QueueConfig queue;
  ForwardConfig forward;
  std::string shutdown_grace;  // duration text; empty = 0 under systemd socket activation, else 5s
  ControlConfig control;
  LogConfig log;
};

// The address of the tracking server; empty: there is none.
inline const std::string& server_uri(const Config& config) {
  return config.workspace ? config.workspace->host : config.tracking.uri;
}

}  // namespace tracelink
