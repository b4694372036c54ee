#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink {

struct TrackingUri {
  // http(s)://host[:port][/path], no '/' at the end; or databricks[://PROFILE], as it was written
  std::string uri;
  std::string username, password;                      // that were embedded, percent-decoded
  std::optional<std::string> databricks_profile = {};  // nothing: not Databricks; empty: none named
};

// Errors: `invalid`, with the remedy; no message holds an embedded credential.
Result<TrackingUri> parse_tracking_uri(std::string_view text);

}  // namespace tracelink
