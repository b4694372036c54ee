#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// The byte as %XX.
void append_percent(std::string& out, char byte);

// RFC 3986: everything but unreserved characters as %XX.
std::string percent_encode(std::string_view text);

}  // namespace tracelink
