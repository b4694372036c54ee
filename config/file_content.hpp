#pragma once

#include <cstddef>
#include <string>

#include "daemon/base/result.hpp"

namespace tracelink {

// The first `max_bytes` of a file. Errors: `invalid`, and why in words that tell a file that is not
// there, a directory, and one that this user may not read apart, without the path.
Result<std::string> file_content(const std::string& path, std::size_t max_bytes);

}  // namespace tracelink
