#include "config/file_content.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

namespace tracelink {
namespace {

constexpr std::size_t kPartBytes = 64u << 10;

// The folder of a path that is the first not to be there; empty if all are.
std::string missing_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::string missing;
  for (auto folder = path.parent_path(); !folder.empty() && folder != folder.root_path();
       folder = folder.parent_path()) {
    if (!std::filesystem::exists(folder, error) && !error) missing = folder.string();
  }
  return missing;
}

std::string why_not(const std::string& path, int error) {
  if (error == EISDIR) return "is a directory, not a file";
  if (error == EACCES) {
    return "may not be read by this user (uid " + std::to_string(::geteuid()) +
           "), or not reached through its folders";
  }
  if (error != ENOENT) return std::string("cannot be read: ") + std::strerror(error);
  const std::string folder = missing_folder(path);
  return folder.empty() ? "is not there" : "is not there, nor is its folder " + folder;
}

// Nothing after an error, which errno has.
std::optional<std::string> read_all(int fd, std::size_t max_bytes) {
  std::string content;
  while (content.size() < max_bytes) {
    const std::size_t before = content.size();
    const std::size_t part = std::min(kPartBytes, max_bytes - before);
    content.resize(before + part);
    const ssize_t got = ::read(fd, content.data() + before, part);
    if (got < 0 && errno != EINTR) return std::nullopt;
    content.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) break;
  }
  return content;
}

bool is_pipe_to_wait_for(const std::string& path) {
  for (const char* handed_over : {"/dev/fd/", "/dev/stdin", "/proc/"}) {
    if (path.starts_with(handed_over)) return false;
  }
  std::error_code unreadable;
  const auto type = std::filesystem::status(path, unreadable).type();
  return type == std::filesystem::file_type::fifo || type == std::filesystem::file_type::socket;
}

}  // namespace

Result<std::string> file_content(const std::string& path, std::size_t max_bytes) {
  if (is_pipe_to_wait_for(path)) {
    return Error{ErrorCode::invalid, "is a pipe or a socket: give the path of a regular file"};
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{ErrorCode::invalid, why_not(path, errno)};
  auto content = read_all(fd, max_bytes);
  const int error = errno;
  ::close(fd);
  if (!content) return Error{ErrorCode::invalid, why_not(path, error)};
  return *std::move(content);
}

}  // namespace tracelink
