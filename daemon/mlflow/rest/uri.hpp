#pragma once

#include <string_view>

namespace tracelink {

// scheme://host[:port] of an absolute URI; the whole URI if nothing follows.
std::string_view origin_of(std::string_view uri);

}  // namespace tracelink
