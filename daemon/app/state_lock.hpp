#pragma once

#include <filesystem>
#include <optional>

#include "daemon/base/file_lock.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/base/result.hpp"

namespace tracelink {

// That state_dir belongs to this process alone: a lock on the directory itself, which nobody can
// remove, and one on the file `lock` in it, which names the holder's pid and serves file systems
// that cannot lock a directory.
//
// Threads: any.
class StateLock {
 public:
  // Error: `rejected` (another daemon has it; the message names its pid), `io`.
  static Result<StateLock> acquire(const std::filesystem::path& directory);

  // Still so? `io`: the directory was removed, moved away or replaced. `rejected`: its lock file
  // was removed and is held by another daemon. A lock file that is merely gone is made again.
  Result<void> check();

  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;

 private:
  StateLock(std::filesystem::path directory, std::optional<FileLock> directory_lock)
      : directory_(std::move(directory)), directory_lock_(std::move(directory_lock)) {}

  std::filesystem::path directory_;
  std::optional<FileLock> directory_lock_;
  Mutex mutex_;
  // Nothing if the file cannot be opened.
  std::optional<FileLock> file_lock_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
