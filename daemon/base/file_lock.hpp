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
  // A directory, which nothing is written to; `pid_file` names the holder of its lock. Where the
  // file system cannot lock directories it is open and not locked(). Errors as above.
  static Result<FileLock> acquire_directory(const std::string& path, const std::string& pid_file);

  bool locked() const { return locked_; }
  // Whether `path` still leads to what was opened.
  bool is_at(const std::string& path) const;

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
  bool locked_ = true;
};

}  // namespace tracelink
