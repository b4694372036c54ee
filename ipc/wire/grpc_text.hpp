#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// The value of a grpc-timeout header: at most eight digits and a unit (H M S m u n). Nothing for
// anything else.
std::optional<std::chrono::nanoseconds> parse_grpc_timeout(std::string_view text);

// The value of a grpc-message header: everything but printable ASCII without '%' becomes %XX.
std::string encode_grpc_message(std::string_view message);

}  // namespace tracelink
