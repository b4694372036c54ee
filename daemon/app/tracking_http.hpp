#pragma once

#include <memory>

#include "config/config.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/databricks/authorized_http_client.hpp"
#include "daemon/databricks/token_source.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// HTTP to the tracking server: plain, or with the token of a Databricks workspace.
// Lifetime: the references outlive this object. It calls no handler when it is destroyed.
class TrackingHttp {
 public:
  TrackingHttp(const Config& config, TokenSource::ReadWorkspace read_again, const FileSystem& fs,
               const Clock& clock, RandomSource& random);

  HttpClient& api();                               // for the server's API
  HttpClient& plain() { return *plain_; }          // for other addresses, such as signed URLs
  TokenSource* tokens() { return tokens_.get(); }  // nullptr: the server is not Databricks

 private:
  std::unique_ptr<HttpClient> plain_;
  std::unique_ptr<TokenSource> tokens_;
  std::unique_ptr<AuthorizedHttpClient> authorized_;
};

}  // namespace tracelink
