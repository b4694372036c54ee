#pragma once

#include <cstddef>
#include <string>

#include "daemon/base/result.hpp"

namespace tracelink {

// The first `max_bytes` of a file. Errors: `invalid`, and why in words that tell a file that is not
// there, a directory, a pipe, and one that this user may not read apart, without the path. A pipe
// is read only if the caller has it open (/dev/stdin, /dev/fd/63): to open another may take for
// ever.
Result<std::string> file_content(const std::string& path, std::size_t max_bytes);

}  // namespace tracelink
