#pragma once

#include <string>

#include "daemon/base/clock.hpp"

namespace tracelink {

std::string utc_iso(WallTime at);      // 2026-11-23T11:54:31.043Z
std::string utc_compact(WallTime at);  // 20261123T115431
std::string utc_day(WallTime at);      // 2026-11-23

}  // namespace tracelink
