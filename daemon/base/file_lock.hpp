#pragma once

#include <string>

#include "daemon/base/result.hpp"

namespace tracelink {

// An exclusive lock on a file, held until it is destroyed or the process ends (flock(2)). The file
// holds the pid of its holder and is never removed: another process may have it open.
class FileLock {
 public:
  // Creates the file (mode 0600) if needed. Errors: `rejected` (held; the message names the
  // holder's pid), `io`.
  static Result<FileLock> acquire(const std::string& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace tracelink
