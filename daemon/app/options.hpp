#pragma once

#include "config/config.hpp"
#include "daemon/databricks/token_source.hpp"
#include "daemon/destination/databricks/databricks_destination.hpp"
#include "daemon/destination/mlflow/mlflow_destination.hpp"
#include "daemon/forward/forwarder.hpp"
#include "daemon/http/curl_http_client.hpp"
#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/types/link_definition.hpp"
#include "ipc/server/server.hpp"

namespace tracelink {

// Config into what each component takes, so that no component knows Config. Pure.
LinkDefinition link_of(const Config& config);
// Whether there is a destination: without a tracking server traces wait in the queue.
bool delivers(const Config& config);
QueueOptions queue_options_of(const Config& config);
CurlOptions curl_options_of(const Config& config);
// Of requests that are passed on: they are lent none of the daemon's credentials.
CurlOptions relay_options_of(const Config& config);
Credentials credentials_of(const Config& config);
TrackingOptions tracking_options_of(const Config& config);
// Precondition: the server is a Databricks workspace.
TokenSource::Options token_source_options_of(const Config& config);
Registrar::Options registrar_options_of(const Config& config);
DatabricksClient::Options databricks_client_options_of(const Config& config);
DatabricksDestination::Options databricks_destination_options_of(const Config& config);
MlflowDestination::Options mlflow_destination_options_of(const Config& config);
ForwarderOptions forwarder_options_of(const Config& config);
ServerOptions server_options_of(const Config& config);
std::chrono::milliseconds shutdown_grace_of(const Config& config, bool socket_activated);

}  // namespace tracelink
