#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// The byte as %XX.
void append_percent(std::string& out, char byte);

// RFC 3986: everything but unreserved characters as %XX.
std::string percent_encode(std::string_view text);

// The value of a parameter in the query of a URL, with %XX and + decoded; nothing if it is not
// there, or wrongly encoded.
std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

}  // namespace tracelink
