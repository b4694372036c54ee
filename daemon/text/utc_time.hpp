#pragma once

#include <optional>
#include <string>

#include "daemon/base/clock.hpp"

namespace tracelink {

std::string utc_iso(WallTime at);  // 2026-11-23T11:54:31.043Z
// What utc_iso() writes, with or without a fraction; nothing for anything else.
std::optional<WallTime> parse_utc_iso(const std::string& text);
std::string utc_compact(WallTime at);  // 20261123T115431
std::string utc_day(WallTime at);      // 2026-11-23

}  // namespace tracelink
