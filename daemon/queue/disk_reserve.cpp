#include "daemon/queue/disk_reserve.hpp"

#include <algorithm>

namespace tracelink {

DiskReserve::DiskReserve(FileSystem& fs, std::filesystem::path path, std::uint64_t bytes)
    : fs_(fs), path_(std::move(path)), bytes_(bytes) {}

void DiskReserve::resize(std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  bytes_ = bytes;
}

void DiskReserve::restore() {
  const MutexLock lock(mutex_);
  if (held_ && held_bytes_ >= bytes_) return;
  if (held_) {
    if ((*held_).preallocate(bytes_)) held_bytes_ = bytes_;
    return;  // else what is held stays, and the next restore() tries again
  }
  if (!fs_.remove(path_)) return;
  auto file = fs_.create(path_);
  if (!file) return;
  if ((*file)->preallocate(bytes_)) {
    held_ = *std::move(file);
    held_bytes_ = bytes_;
  } else {
    (void)fs_.remove(path_).has_value();  // tried again by the next restore()
  }
}

bool DiskReserve::release() {
  const MutexLock lock(mutex_);
  if (!held_) return false;
  held_.reset();
  held_bytes_ = 0;
  return fs_.remove(path_).has_value();
}

bool DiskReserve::spares(std::uint64_t bytes) const {
  const auto free = fs_.free_bytes(path_.parent_path());
  const MutexLock lock(mutex_);
  return !free || *free >= bytes + bytes_ - std::min(held_bytes_, bytes_);
}

}  // namespace tracelink
