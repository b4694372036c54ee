#pragma once

#include <functional>
#include <utility>

#include "daemon/base/file_system.hpp"

namespace tracelink {

// The operating system's files. New files have mode 0600, new directories 0700.
// sync() fails when the file's path no longer leads to it: nobody would find what was written.
// Threads: any; a File follows its interface.
class PosixFileSystem final : public FileSystem {
 public:
  // Asked before each operation on a path, and after each sync() of the file there: its error is
  // the operation's. Set before other threads use this object.
  using Guard = std::function<Result<void>(const std::filesystem::path&)>;
  void set_guard(Guard guard) { guard_ = std::move(guard); }

  Result<std::unique_ptr<File>> create(const std::filesystem::path& path) override;
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path) override;
  Result<std::unique_ptr<File>> open_read_only(const std::filesystem::path& path) const override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<bool> exists(const std::filesystem::path& path) const override;
  Result<std::optional<std::uint64_t>> size_of(const std::filesystem::path& path) const override;
  Result<void> create_directories(const std::filesystem::path& path) override;
  Result<void> sync_directory(const std::filesystem::path& path) override;
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) const override;
  Result<std::uint64_t> free_bytes(const std::filesystem::path& directory) const override;

 private:
  Result<void> ask_guard(const std::filesystem::path& path) const {
    return guard_ ? guard_(path) : Result<void>();
  }
  Result<std::unique_ptr<File>> open_file(const std::filesystem::path& path, int flags) const;

  Guard guard_;
};

}  // namespace tracelink
