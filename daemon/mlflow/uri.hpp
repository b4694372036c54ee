#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// RFC 3986: everything but unreserved characters as %XX.
std::string percent_encode(std::string_view text);
std::string base64(std::string_view bytes);
// scheme://host[:port] of an absolute URI; the whole URI if nothing follows.
std::string_view origin_of(std::string_view uri);

}  // namespace tracelink
