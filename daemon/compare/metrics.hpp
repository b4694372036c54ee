#pragma once

#include <map>
#include <string>
#include <string_view>

#include "daemon/compare/figures.hpp"

namespace tracelink::compare {

// The figures with a value, under names that MLflow takes for metrics.
std::map<std::string, double> metrics_of(const Figures& figures);

// The figure's name where MLflow takes it: letters, digits and `_-. :/` of ASCII, a path without
// empty parts, 250 characters. Else every other character becomes `_`, and `.` and 8 hex digits of
// the name's CRC-32C follow, so that names that differ stay different.
std::string metric_name(std::string_view figure);

}  // namespace tracelink::compare
