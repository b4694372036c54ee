#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink {

struct ServerVersion {
  int major = 0, minor = 0, patch = 0;
  std::string text;  // as the server said it; plays no part in comparisons

  std::strong_ordering operator<=>(const ServerVersion& other) const;
  bool operator==(const ServerVersion& other) const { return (*this <=> other) == 0; }
};

// "3.17.2", "3.18.0.dev0", "3.6"; nothing for what is no version.
std::optional<ServerVersion> parse_server_version(std::string_view text);

// What differs between server versions (the table is in capabilities.cpp). Default: the least.
struct Capabilities {
  bool otlp = false;                        // spans sent by OTLP can be read back
  bool gzip = false;                        // of /v1/traces bodies
  bool token_usage_in_start_trace = false;  // else by EndTrace after the spans
  bool start_trace_after_spans = false;     // else EndTrace
  bool sums_over_tree = false;  // a parent's tokens contain its children's; else a flat sum
};
Capabilities capabilities_of(const ServerVersion& version);

// Why no trace may be sent to this server; nothing if it will do.
std::optional<Failure> unsupported_server(const ServerVersion& version);

}  // namespace tracelink
