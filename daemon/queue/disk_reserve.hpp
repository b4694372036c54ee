#pragma once

#include <cstdint>
#include <filesystem>

#include "daemon/base/file_system.hpp"
#include "daemon/base/mutex.hpp"

namespace tracelink {

// Disk blocks held back for bookkeeping, so that a full disk stops intake but never the writing
// that frees space again (checkpoint, journals, notes, the second try of a failed group).
//
// Threads: any. Lifetime: `fs` outlives this object.
class DiskReserve {
 public:
  DiskReserve(FileSystem& fs, std::filesystem::path path, std::uint64_t bytes);

  // How much restore() takes from now on; what is held stays if it is more.
  void resize(std::uint64_t bytes);
  // Takes the blocks if they are not held; without them (the disk is full) the queue works on.
  void restore();

  // Gives the blocks back to the disk; false if they are not held.
  bool release();

  // Whether `bytes` can be written for something else than bookkeeping: what is missing of the
  // reserve is left free, so that the blocks which one operation gave back serve the next ones.
  bool spares(std::uint64_t bytes) const;

  // Runs `operation` (a callable returning a Result) and, if it finds the disk full, once more with
  // the reserved blocks given back to the disk.
  // An operation that needs a lock of its caller is called with it: the analysis cannot know.
  template <class Operation>
  auto with(Operation operation) TRACELINK_ATTRIBUTE(no_thread_safety_analysis) {
    auto result = operation();
    if (result || result.error().code != ErrorCode::no_space || !release()) return result;
    return operation();
  }

 private:
  FileSystem& fs_;
  const std::filesystem::path path_;
  mutable Mutex mutex_;
  std::uint64_t bytes_ GUARDED_BY(mutex_);
  std::uint64_t held_bytes_ GUARDED_BY(mutex_) = 0;
  std::unique_ptr<File> held_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
