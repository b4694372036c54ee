#pragma once

#include "daemon/base/file_system.hpp"

namespace tracelink {

// The operating system's files. New files have mode 0600, new directories 0700.
// Threads: any (the object has no state); a File follows its interface.
class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> create(const std::filesystem::path& path) override;
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path) override;
  Result<std::unique_ptr<File>> open_read_only(const std::filesystem::path& path) const override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<bool> exists(const std::filesystem::path& path) const override;
  Result<void> create_directories(const std::filesystem::path& path) override;
  Result<void> sync_directory(const std::filesystem::path& path) override;
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) const override;
  Result<std::uint64_t> free_bytes(const std::filesystem::path& directory) const override;
};

}  // namespace tracelink
