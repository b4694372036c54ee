#pragma once

#include <filesystem>

#include "daemon/base/result.hpp"

namespace tracelink {

// The directory with its parents; mode 0700 if it is new. Errors: `io`.
Result<void> make_private_directory(const std::filesystem::path& directory);

// A directory where everybody can make one before us (mkdir(2) with mode 0700): it must be ours, no
// link, and closed to everybody else. Errors: `io`, `rejected` (not ours).
Result<void> make_own_directory(const std::filesystem::path& directory);

// The directory of a socket, if it is not there: mode 0755, since the socket's own mode and group
// say who may connect. `/tmp/tracelink-<uid>` is made as make_own_directory() does. Errors: `io`,
// `rejected`.
Result<void> make_socket_directory(const std::filesystem::path& socket);

}  // namespace tracelink
