#include "daemon/base/file_lock.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
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

Error failed(const std::string& path) {
  return Error{ErrorCode::io, path + ": " + std::strerror(errno)};
}

// Left behind by a daemon that another user ran, most likely. In a directory like /tmp the kernel
// refuses such a file to root as well (fs.protected_regular).
Error not_opened(const std::string& path) {
  Error error = failed(path);
  struct stat status{};
  if (errno != EACCES || ::lstat(path.c_str(), &status) != 0) return error;
  if (status.st_uid == ::geteuid()) return error;
  error.message += "; the file belongs to uid " + std::to_string(status.st_uid) +
                   ": remove it, or run tracelinkd as that user";
  return error;
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return not_opened(path);
  FileLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed(path);
    return Error{ErrorCode::rejected,
                 path + " is locked by another tracelinkd, pid " + holder_pid(fd)};
  }
  // For people: the lock holds without it, when the disk is full.
  const std::string pid = std::to_string(::getpid()) + "\n";
  [[maybe_unused]] const bool told =
      ::ftruncate(fd, 0) == 0 && ::pwrite(fd, pid.data(), pid.size(), 0) > 0;
  return lock;
}

Result<FileLock> FileLock::acquire_directory(const std::string& path, const std::string& pid_file) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed(path);
  FileLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  lock.locked_ = false;
  if (errno != EWOULDBLOCK) return lock;
  FileLock holder(::open(pid_file.c_str(), O_RDONLY | O_CLOEXEC));
  return Error{ErrorCode::rejected,
               path + " is locked by another tracelinkd, pid " + holder_pid(holder.fd_)};
}

bool FileLock::is_at(const std::string& path) const {
  struct stat opened{};
  struct stat found{};
  if (::fstat(fd_, &opened) != 0 || ::stat(path.c_str(), &found) != 0) return false;
  return opened.st_dev == found.st_dev && opened.st_ino == found.st_ino;
}

FileLock::FileLock(FileLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), locked_(other.locked_) {}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace tracelink
