#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "daemon/http/http_client.hpp"

namespace tracelink {

// The Retry-After header, in seconds or as a date (measured against the answer's own Date), at most
// an hour; nothing if absent or unreadable.
std::optional<std::chrono::milliseconds> retry_after(const HttpResponse& response);

// A date of HTTP, as the headers Date and Retry-After have it ("Sun, 29 Nov 2026 04:00:00 GMT"). In
// seconds, since a year of four digits is more than nanoseconds can count.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

}  // namespace tracelink
