#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "daemon/base/clock.hpp"
#include "daemon/cli/text_layout.hpp"

namespace tracelink::cli {

// A daemon's status (docs/control-api.md) for people, in sections; those without anything to say
// are missing, as is what senders do not see. `now` is what ages are counted from.
std::string status_text(const nlohmann::json& status, const TextLayout& layout, WallTime now);

// "3 spans in 1 records, 1.7 KiB, the oldest 2 min old"; what is unknown is said so.
std::string queue_line(const nlohmann::json& queue);

std::string age_text(double seconds);         // "5 s", "3 min", "2 h 5 min", "4 days"
std::string bytes_text(std::uint64_t bytes);  // "512 bytes", "1.7 KiB"

}  // namespace tracelink::cli
