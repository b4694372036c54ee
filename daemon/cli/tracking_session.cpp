#include "daemon/cli/tracking_session.hpp"

#include <string>

#include "daemon/app/options.hpp"
#include "daemon/http/curl_http_client.hpp"

namespace tracelink::cli {

Result<std::unique_ptr<TrackingSession>> TrackingSession::open(const Config& config) {
  if (config.tracking.uri.empty()) {
    return Error{
        ErrorCode::invalid,
        "no tracking server: set tracking.uri in the configuration, or MLFLOW_TRACKING_URI"};
  }
  std::unique_ptr<TrackingSession> session(new TrackingSession);
  session->http_ = std::make_unique<CurlHttpClient>(curl_options_of(config));
  session->client_ = std::make_unique<TrackingClient>(tracking_options_of(config), *session->http_);
  return session;
}

int fail(const Failure& failure) {
  std::string message = failure.message;
  if (!failure.remedy.empty()) message += "\n  " + failure.remedy;
  return fail(failure.http_status == 0 ? kUnreachable : kFailed, message);
}

}  // namespace tracelink::cli
