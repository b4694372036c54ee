#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/file_system.hpp"

namespace tracelink {

// A file of lines that grows by whole lines. A line that was torn by a crash or a failed write is
// cut off before the next one is written: it was never acknowledged.
//
// Durability: append() has synced when it returns success. Threads: one.
class DayFile {
 public:
  // Creates the file if need be.
  static Result<std::unique_ptr<DayFile>> open(FileSystem& fs, const std::filesystem::path& path);

  // `lines` ends with a newline. After an error nothing of it is in the file, unless the disk does
  // not let it be taken back: then whole lines of it may stay. This object is not used any more.
  Result<void> append(std::string_view lines);
  std::uint64_t bytes() const { return bytes_; }

 private:
  explicit DayFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Result<void> cut_torn_line();

  std::unique_ptr<File> file_;
  std::uint64_t bytes_ = 0;
};

}  // namespace tracelink
