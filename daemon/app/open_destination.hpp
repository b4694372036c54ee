#pragma once

#include <functional>
#include <memory>

#include "config/config.hpp"
#include "daemon/app/tracking_http.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/base/result.hpp"
#include "daemon/databricks/token_source.hpp"
#include "daemon/destination/databricks/databricks_client.hpp"
#include "daemon/destination/destination.hpp"
#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/report/reporter.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

class MlflowDestination;

// Read credentials again, from wherever they came.
struct CredentialReaders {
  CredentialsReader server;
  TokenSource::ReadWorkspace workspace;
};

// What a destination is opened with. The references outlive it.
struct DestinationParts {
  const Config& config;
  const CredentialReaders& readers;
  Queue& queue;
  FileSystem& fs;
  const Clock& clock;
  RandomSource& random;
  Reporter& reporter;
  std::function<void(const RegistrationStatus&)> on_registered;
  std::function<void(const LinkHash&)> on_forgotten;
};

// The configured destination, and what it is made of, in the order of construction.
struct OpenedDestination {
  std::unique_ptr<TrackingHttp> http;  // this and the next two: null without a tracking server
  std::unique_ptr<TrackingClient> client;
  std::unique_ptr<Registrar> registrar;
  std::unique_ptr<DatabricksClient> databricks;  // null if the server is no workspace
  std::unique_ptr<Destination> destination;      // null: there is nowhere to deliver to yet
  MlflowDestination* mlflow = nullptr;           // `destination`, where it is that
};

// Opens no connection. Errors: those of Registrar::load().
Result<OpenedDestination> open_destination(const DestinationParts& parts);

}  // namespace tracelink
