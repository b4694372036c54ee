#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "daemon/base/file_system.hpp"
#include "daemon/base/mutex.hpp"

namespace tracelink {

// Copies of bytes that could not be read as what they should be, for an operator to look at.
//
// Bounded: over `max_bytes` nothing more is copied (the damage is counted all the same).
// Threads: any.
class Quarantine {
 public:
  Quarantine(FileSystem& fs, std::filesystem::path directory, std::uint64_t max_bytes);

  Result<void> open();  // counts what is there

  // The directory is made again if somebody removed it.
  //
  // One file per name: the same damage found again is not copied twice.
  Result<void> keep(std::string_view name, std::string_view bytes);
  // Moves a whole file.
  Result<void> set_aside(const std::filesystem::path& path);

  std::uint64_t files() const { return files_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Result<void> make_directory() const;
  // Whether a copy of `size` bytes is wanted and fits.
  Result<bool> has_place_lock_held(const std::filesystem::path& path, std::uint64_t size) const
      REQUIRES(mutex_);

  FileSystem& fs_;
  const std::filesystem::path directory_;
  const std::uint64_t max_bytes_;
  Mutex mutex_;
  std::atomic<std::uint64_t> files_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
};

}  // namespace tracelink
