#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "daemon/base/result.hpp"

namespace tracelink {

// The text of a regular file (links are followed) of at most 1 MiB, without white space at its end.
// Nothing when there is no such file. Errors, naming the path: `io` when this user may not read it,
// `corrupt` when it is larger.
Result<std::optional<std::string>> read_small_file(const std::filesystem::path& path);

}  // namespace tracelink
