#include "daemon/cli/tracking_session.hpp"

#include <string>

#include "daemon/app/options.hpp"

namespace tracelink::cli {

Result<std::unique_ptr<TrackingSession>> TrackingSession::open(const Config& config) {
  if (config.tracking.uri.empty()) {
    return Error{
        ErrorCode::invalid,
        "no tracking server: set tracking.uri in the configuration, or MLFLOW_TRACKING_URI"};
  }
  std::unique_ptr<TrackingSession> session(new TrackingSession);
  session->http_ = std::make_unique<TrackingHttp>(config, nullptr, session->fs_, session->clock_,
                                                  session->random_);
  session->client_ =
      std::make_unique<TrackingClient>(tracking_options_of(config), session->http_->api());
  if (!config.workspace) return session;
  session->databricks_ = std::make_unique<DatabricksClient>(
      databricks_client_options_of(config), session->http_->api(), session->http_->plain());
  session->warehouse_id_ = config.databricks.warehouse_id;
  session->configured_storage_ = parse_trace_location(config.databricks.trace_location);
  return session;
}

Answer<TraceStorage> TrackingSession::storage_of(const std::string& experiment_id) {
  if (const auto known = storages_.find(experiment_id); known != storages_.end()) {
    return known->second;
  }
  using Tags = DatabricksClient::Tags;
  const auto tags = wait<Tags>(
      [&](auto done) { databricks_->get_experiment_tags(experiment_id, std::move(done)); });
  if (!tags) return tags.error();
  TraceStorage storage = tracelink::storage_of(*tags, configured_storage_);
  storages_.emplace(experiment_id, storage);
  return storage;
}

int fail(const Failure& failure) {
  std::string message = failure.message;
  if (!failure.remedy.empty()) message += "\n  " + failure.remedy;
  const bool unreachable = failure.http_status == 0 && failure.scope == FailureScope::server;
  return fail(unreachable ? kUnreachable : kFailed, message);
}

}  // namespace tracelink::cli
