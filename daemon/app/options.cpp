#include "daemon/app/options.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "config/text.hpp"
#include "daemon/codec/link_codec.hpp"
#include "daemon/mlflow/registration/source_tags.hpp"
#include "daemon/types/version.hpp"

namespace tracelink {

namespace {

constexpr std::chrono::milliseconds kDefaultGrace{5'000};

// Databricks tells no version; it takes what the newest client sends.
const ServerVersion kDatabricks{.major = 3, .minor = 18, .patch = 0, .text = "Databricks"};

// A model that is given by id exists: nothing is written at its creation.
std::map<std::string, std::string> creation_tags_of(const ModelConfig& model) {
  if (!model.id.empty()) return {};
  auto tags = description_tags(model.description, model.source);
  tags.merge(source_tags(model.git_facts));
  return tags;
}

// As ActiveLinks remembers it.
LinkHash configured_link(const Config& config) {
  const LinkDefinition link = link_of(config);
  return link == LinkDefinition() ? LinkHash() : hash_link(encode_link(link));
}

}  // namespace

LinkDefinition link_of(const Config& config) {
  return LinkDefinition{.id = config.model.id,
                        .name = config.model.name,
                        .version = config.model.version,
                        .name_policy = config.model.name_policy,
                        .type = config.model.type,
                        .source_run_id = config.model.source_run_id,
                        .params = config.model.params,
                        .tags = config.model.tags,
                        .source_tags = creation_tags_of(config.model),
                        .experiment = {.id = config.experiment.id, .name = config.experiment.name}};
}

bool delivers(const Config& config) {
  return !is_tracking_server(config.destination) || !config.tracking.uri.empty();
}

QueueOptions queue_options_of(const Config& config) {
  return QueueOptions{.state_dir = config.state_dir,
                      .max_bytes = config.queue.max_bytes,
                      .on_full = config.queue.on_full};
}

CurlOptions curl_options_of(const Config& config) {
  return CurlOptions{.insecure_tls = config.tracking.insecure_tls,
                     .ca_file = config.tracking.ca_file,
                     .client_cert_file = config.tracking.client_cert_file,
                     .http_proxy = upper_case_http_proxy(),
                     .connections_per_host = static_cast<long>(config.forward.connections),
                     // Tables in Unity Catalog keep what comes twice.
                     .sends_again = !config.workspace};
}

CurlOptions relay_options_of(const Config& config) {
  CurlOptions options = curl_options_of(config);
  options.client_cert_file.clear();
  return options;
}

Credentials credentials_of(const Config& config) {
  if (config.workspace) return {};  // its tokens are another client's
  return {.username = config.tracking.username,
          .password = config.tracking.password,
          .token = config.tracking.token};
}

TrackingOptions tracking_options_of(const Config& config) {
  TrackingOptions options{.uri = server_uri(config),
                          .timeout = config.tracking.timeout,
                          .credentials = credentials_of(config),
                          .read_credentials = {},
                          .workspace = config.workspace ? "" : config.tracking.workspace,
                          .user_agent = std::string("tracelinkd/") + kVersion};
  if (!config.workspace) return options;
  options.known_version = kDatabricks;
  options.traces_in_tables = config.databricks.trace_location.empty() ? TracesInTables::as_tags_say
                                                                      : TracesInTables::of_all;
  return options;
}

TokenSource::Options token_source_options_of(const Config& config) {
  return {.workspace = *config.workspace,
          .read_again = {},
          .timeout = config.tracking.timeout,
          .user_agent = std::string("tracelinkd/") + kVersion};
}

Registrar::Options registrar_options_of(const Config& config) {
  return {.directory = std::filesystem::path(config.state_dir) / "models",
          .delete_twins = config.model.delete_twins,
          .creation_tags = origin_tags(config.model.origin)};
}

DatabricksClient::Options databricks_client_options_of(const Config& config) {
  return {.host = server_uri(config), .timeout = config.tracking.timeout};
}

DatabricksDestination::Options databricks_destination_options_of(const Config& config) {
  return {.connections = config.forward.connections,
          .max_batch_bytes = config.forward.max_batch_bytes,
          .version_tag = config.forward.version_tag,
          .trace_location = parse_trace_location(config.databricks.trace_location),
          .sent_spans = std::filesystem::path(config.state_dir) / "sent-spans"};
}

MlflowDestination::Options mlflow_destination_options_of(const Config& config) {
  return {.connections = config.forward.connections,
          .max_batch_bytes = config.forward.max_batch_bytes,
          .metadata = {},
          .version_tag = config.forward.version_tag};
}

ForwarderOptions forwarder_options_of(const Config& config) {
  return {.connections = config.forward.connections,
          .max_traces_per_batch = config.forward.max_traces_per_batch,
          .max_batch_bytes = config.forward.max_batch_bytes,
          .max_traces_per_second = config.forward.max_traces_per_second,
          .trace_grace = config.forward.trace_grace,
          .trace_idle = config.forward.trace_idle,
          .links = {.from_traces = config.model.from_traces,
                    .max_names = config.model.max_names,
                    .model_required = is_tracking_server(config.destination),
                    .configured = configured_link(config)}};
}

ServerOptions server_options_of(const Config& config) {
  ServerOptions options;
  const SocketConfig& socket = config.listen.socket;
  options.socket = {
      .path = socket.path,
      .mode = static_cast<std::uint32_t>(std::strtoul(socket.mode.c_str(), nullptr, 8)),
      .owner = socket.owner,
      .group = socket.group};
  options.peers = {.allow_uids = socket.allow_uids, .allow_gids = socket.allow_gids};
  options.tcp_address = config.listen.tcp;
  options.mlflow_address = config.listen.mlflow;
  options.limits = config.limits;
  return options;
}

std::chrono::milliseconds shutdown_grace_of(const Config& config, bool socket_activated) {
  if (const auto grace = parse_duration(config.shutdown_grace)) return *grace;
  return socket_activated ? std::chrono::milliseconds{0} : kDefaultGrace;
}

}  // namespace tracelink
