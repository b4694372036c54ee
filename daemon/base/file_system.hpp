#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"

namespace tracelink {

// One open file. Threads: one at a time, except that read_at() may run beside append() and sync().
class File {
 public:
  virtual ~File() = default;

  // Writes all the pieces at the end of the file, in order. Not durable before sync().
  // After an error the file's end is unknown: the caller stops writing to it.
  virtual Result<void> append(std::span<const std::string_view> pieces) = 0;

  // fdatasync: everything appended before is on stable storage. After an error nothing may be
  // assumed about any byte appended since the last success (the kernel may have dropped the dirty
  // pages).
  virtual Result<void> sync() = 0;

  // Up to `size` bytes from `offset`; shorter only at the end of the file.
  virtual Result<std::string> read_at(std::uint64_t offset, std::size_t size) const = 0;

  virtual Result<std::uint64_t> size() const = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;

  // Reserves disk blocks for [0, size) without changing the file's length, so that later appends do
  // not meet ENOSPC. `no_space` when the disk is full; success where none can be reserved.
  virtual Result<void> preallocate(std::uint64_t size) = 0;
};

// Every file operation of the daemon's durable state goes through here, so that tests can fail each
// one and forget what was not synced. Errors: `no_space` for ENOSPC and EDQUOT, else `io`; the
// message names the path.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // A new file; `io` if it exists. The directory entry is durable only after
  // sync_directory(parent).
  virtual Result<std::unique_ptr<File>> create(const std::filesystem::path& path) = 0;
  virtual Result<std::unique_ptr<File>> open(
      const std::filesystem::path& path) = 0;  // read and append
  virtual Result<std::unique_ptr<File>> open_read_only(const std::filesystem::path& path) const = 0;

  virtual Result<void> rename(const std::filesystem::path& from,
                              const std::filesystem::path& to) = 0;
  virtual Result<void> remove(const std::filesystem::path& path) = 0;  // success if it is not there
  virtual Result<bool> exists(const std::filesystem::path& path) const = 0;
  // Of a regular file, also of one that may not be opened; nothing where something else is, a link
  // too, or nothing at all.
  virtual Result<std::optional<std::uint64_t>> size_of(const std::filesystem::path& path) const = 0;
  virtual Result<void> create_directories(const std::filesystem::path& path) = 0;  // mode 0700
  virtual Result<void> sync_directory(const std::filesystem::path& path) = 0;
  // Names (not paths), sorted, of all that is there: what is in a file's place is not absent.
  virtual Result<std::vector<std::string>> list(const std::filesystem::path& directory) const = 0;
  virtual Result<std::uint64_t> free_bytes(const std::filesystem::path& directory) const = 0;
};

// Replaces `path` as a whole: temporary file, sync, rename, sync of the directory. Durable when it
// returns; after a crash the old or the new content is there, never a mixture.
Result<void> write_file_durably(FileSystem& fs, const std::filesystem::path& path,
                                std::string_view content);
Result<std::string> read_file(const FileSystem& fs, const std::filesystem::path& path);
// Why it is not written: `io`, what it holds could not be read yet.
Error not_replaced_unread(const std::filesystem::path& path);

}  // namespace tracelink
