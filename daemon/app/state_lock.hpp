#pragma once

#include <filesystem>

#include "daemon/base/result.hpp"

namespace tracelink {

// The exclusive lock on state_dir/lock, held for the life of the process (flock(2)): one daemon per
// state directory.
class StateLock {
 public:
  // Creates the directory (mode 0700) if needed. Error `rejected` names the holder's pid and the
  // key to change.
  static Result<StateLock> acquire(const std::filesystem::path& state_dir);

  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace tracelink
