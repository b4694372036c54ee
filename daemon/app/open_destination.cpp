#include "daemon/app/open_destination.hpp"

#include <cstdlib>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/app/options.hpp"
#include "daemon/destination/databricks/databricks_destination.hpp"
#include "daemon/destination/file/file_destination.hpp"
#include "daemon/destination/mlflow/mlflow_destination.hpp"

namespace tracelink {
namespace {

LinkLookup link_lookup(const Queue& queue) {
  return [&queue](const LinkHash& hash) { return queue.link(hash); };
}

Result<void> load_registrations(Registrar& registrar, Queue& queue) {
  // What cannot be read now may be known later.
  const auto may_be_known = [&queue](const LinkHash& hash) {
    const auto link = queue.link(hash);
    return link || link.error().code != ErrorCode::invalid;
  };
  auto damaged = registrar.load(may_be_known, &queue.held_files());
  if (!damaged) return std::move(damaged).error().within("models");
  for (const std::string& file : *damaged) {
    spdlog::warn("models/{} is damaged and set aside; its link is registered again", file);
  }
  return {};
}

void open_workspace(const DestinationParts& parts, OpenedDestination& opened) {
  spdlog::info("Databricks is a preview: not yet run against a workspace (docs/databricks.md)");
  opened.databricks = std::make_unique<DatabricksClient>(databricks_client_options_of(parts.config),
                                                         opened.http->api(), opened.http->plain());
  opened.destination = std::make_unique<DatabricksDestination>(
      databricks_destination_options_of(parts.config), opened.http->api(), *opened.databricks,
      *opened.registrar, link_lookup(parts.queue), parts.fs, parts.reporter, parts.clock,
      parts.random);
}

void open_mlflow(const DestinationParts& parts, OpenedDestination& opened) {
  auto mlflow = std::make_unique<MlflowDestination>(
      mlflow_destination_options_of(parts.config), opened.http->api(), *opened.client,
      *opened.registrar, link_lookup(parts.queue), parts.reporter, parts.clock, parts.random);
  opened.mlflow = mlflow.get();
  opened.destination = std::move(mlflow);
}

Result<OpenedDestination> open_tracking_server(const DestinationParts& parts) {
  const Config& config = parts.config;
  OpenedDestination opened;
  if (config.tracking.uri.empty()) return opened;
  opened.http = std::make_unique<TrackingHttp>(config, parts.readers.workspace, parts.fs,
                                               parts.clock, parts.random);
  TrackingOptions tracking = tracking_options_of(config);
  tracking.read_credentials = parts.readers.server;
  opened.client = std::make_unique<TrackingClient>(std::move(tracking), opened.http->api());
  opened.registrar = std::make_unique<Registrar>(registrar_options_of(config), *opened.client,
                                                 parts.fs, parts.clock, parts.random);
  opened.registrar->set_on_change(parts.on_registered);
  opened.registrar->set_on_forget(parts.on_forgotten);
  if (auto loaded = load_registrations(*opened.registrar, parts.queue); !loaded) {
    return std::move(loaded).error();
  }
  if (config.workspace) {
    open_workspace(parts, opened);
  } else {
    open_mlflow(parts, opened);
  }
  return opened;
}

OpenedDestination open_archive(const DestinationParts& parts) {
  OpenedDestination opened;
  opened.destination = std::make_unique<FileDestination>(
      FileDestination::Options{.directory = parts.config.archive.dir,
                               .max_bytes = parts.config.archive.max_bytes},
      parts.fs, link_lookup(parts.queue), parts.clock);
  return opened;
}

}  // namespace

Result<OpenedDestination> open_destination(const DestinationParts& parts) {
  switch (parts.config.destination) {
    case DestinationKind::mlflow:
      return open_tracking_server(parts);
    case DestinationKind::file:
      return open_archive(parts);
  }
  std::abort();
}

}  // namespace tracelink
