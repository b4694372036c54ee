#include "daemon/app/tracking_http.hpp"

#include <utility>

#include "daemon/app/options.hpp"
#include "daemon/http/curl_http_client.hpp"

namespace tracelink {

TrackingHttp::TrackingHttp(const Config& config, TokenSource::ReadWorkspace read_again,
                           const FileSystem& fs, const Clock& clock, RandomSource& random)
    : plain_(std::make_unique<CurlHttpClient>(curl_options_of(config))) {
  if (!config.workspace) return;
  TokenSource::Options options = token_source_options_of(config);
  options.read_again = std::move(read_again);
  tokens_ = std::make_unique<TokenSource>(std::move(options), *plain_, fs, clock, random);
  authorized_ = std::make_unique<AuthorizedHttpClient>(*tokens_, *plain_);
}

HttpClient& TrackingHttp::api() {
  if (authorized_) return *authorized_;
  return *plain_;
}

}  // namespace tracelink
