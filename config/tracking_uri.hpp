#pragma once

#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink {

struct TrackingUri {
  std::string uri;                 // http(s)://host[:port][/path], no '/' at the end
  std::string username, password;  // that were embedded, percent-decoded
};

// Errors: `invalid`, with the remedy; no message holds an embedded credential.
Result<TrackingUri> parse_tracking_uri(std::string_view text);

}  // namespace tracelink
