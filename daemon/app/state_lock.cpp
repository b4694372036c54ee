#include "daemon/app/state_lock.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace tracelink {

namespace {

std::string holder_pid(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (const std::size_t end = pid.find('\n'); end != std::string::npos) pid.resize(end);
  return pid.empty() ? "unknown" : pid;
}

Error failed(const std::filesystem::path& path) {
  return Error{ErrorCode::io, "state_dir: " + path.string() + ": " + std::strerror(errno)};
}

}  // namespace

Result<StateLock> StateLock::acquire(const std::filesystem::path& state_dir) {
  std::error_code error;
  const bool created = std::filesystem::create_directories(state_dir, error);
  if (error)
    return Error{ErrorCode::io, "state_dir: " + state_dir.string() + ": " + error.message()};
  if (created) std::filesystem::permissions(state_dir, std::filesystem::perms::owner_all, error);

  const std::filesystem::path path = state_dir / "lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return failed(path);
  StateLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed(path);
    return Error{ErrorCode::rejected,
                 "state_dir: " + state_dir.string() + " is in use by another tracelinkd, pid " +
                     holder_pid(fd) + "; stop it, or give this one its own state_dir"};
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return failed(path);
  }
  return lock;
}

StateLock::StateLock(StateLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StateLock::~StateLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace tracelink
