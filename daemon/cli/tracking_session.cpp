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
  return session;
}

int fail(const Failure& failure) {
  std::string message = failure.message;
  if (!failure.remedy.empty()) message += "\n  " + failure.remedy;
  return fail(failure.http_status == 0 ? kUnreachable : kFailed, message);
}

}  // namespace tracelink::cli
