#include "daemon/app/directories.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

namespace tracelink {
namespace {

namespace fs = std::filesystem;

Result<void> make(const fs::path& directory, fs::perms mode) {
  std::error_code error;
  if (fs::create_directories(directory, error)) fs::permissions(directory, mode, error);
  if (error) return Error{ErrorCode::io, directory.string() + ": " + error.message()};
  return {};
}

bool is_ours_alone(const struct stat& status) {
  return S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & 077) == 0;
}

}  // namespace

Result<void> make_private_directory(const fs::path& directory) {
  return make(directory, fs::perms::owner_all);
}

Result<void> make_own_directory(const fs::path& directory) {
  struct stat status{};
  const bool made = ::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST;
  if (!made || ::lstat(directory.c_str(), &status) != 0) {
    return Error{ErrorCode::io, directory.string() + ": " + std::strerror(errno)};
  }
  if (is_ours_alone(status)) return {};
  return Error{ErrorCode::rejected,
               directory.string() +
                   " is not a directory of this user with mode 0700, so somebody else may read or "
                   "replace what is in it; remove it, set XDG_RUNTIME_DIR, or choose another path"};
}

Result<void> make_socket_directory(const fs::path& socket) {
  const fs::path directory = socket.parent_path();
  if (directory == "/tmp/tracelink-" + std::to_string(::geteuid()))
    return make_own_directory(directory);
  return make(directory, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                             fs::perms::others_read | fs::perms::others_exec);
}

}  // namespace tracelink
