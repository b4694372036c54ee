#pragma once

#include <chrono>
#include <optional>

#include "daemon/http/http_client.hpp"

namespace tracelink {

// The Retry-After header, in seconds or as a date (measured against the answer's own Date), at most
// an hour; nothing if absent or unreadable.
std::optional<std::chrono::milliseconds> retry_after(const HttpResponse& response);

}  // namespace tracelink
