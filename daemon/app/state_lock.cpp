#include "daemon/app/state_lock.hpp"

#include <utility>

namespace tracelink {
namespace {

std::filesystem::path lock_file(const std::filesystem::path& directory) {
  return directory / "lock";
}

}  // namespace

Result<StateLock> StateLock::acquire(const std::filesystem::path& directory) {
  auto whole = FileLock::acquire_directory(directory.string(), lock_file(directory).string());
  if (!whole) return std::move(whole).error();
  const bool locked = whole->locked();
  StateLock lock(directory, *std::move(whole));
  auto file = FileLock::acquire(lock_file(directory).string());
  // A lock file that cannot be opened is no obstacle where the directory itself is locked.
  if (!file && !(locked && file.error().code == ErrorCode::io)) return std::move(file).error();
  if (file) {
    const MutexLock own(lock.mutex_);
    lock.file_lock_.emplace(*std::move(file));
  }
  return lock;
}

StateLock::StateLock(StateLock&& other) noexcept
    : directory_(std::move(other.directory_)),
      directory_lock_(std::move(other.directory_lock_)),
      file_lock_(std::move(other.file_lock_)) {}

Result<void> StateLock::check() {
  const MutexLock lock(mutex_);
  if (!directory_lock_->is_at(directory_.string())) {
    return Error{ErrorCode::io, directory_.string() + " was removed or replaced"};
  }
  const auto path = lock_file(directory_).string();
  if (!file_lock_ || file_lock_->is_at(path)) return {};
  auto again = FileLock::acquire(path);
  if (!again && again.error().code == ErrorCode::rejected) return std::move(again).error();
  if (again) file_lock_.emplace(*std::move(again));
  return {};
}

}  // namespace tracelink
