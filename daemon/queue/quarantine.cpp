#include "daemon/queue/quarantine.hpp"

namespace tracelink {

Quarantine::Quarantine(FileSystem& fs, std::filesystem::path directory, std::uint64_t max_bytes)
    : fs_(fs), directory_(std::move(directory)), max_bytes_(max_bytes) {}

Result<void> Quarantine::open() {
  const std::lock_guard lock(mutex_);
  const auto names = fs_.list(directory_);
  if (!names) return names.error();
  for (const auto& name : *names) {
    const auto file = fs_.open_read_only(directory_ / name);
    if (!file) return file.error();
    const auto size = (*file)->size();
    if (!size) return size.error();
    ++files_;
    bytes_ += *size;
  }
  return {};
}

Result<void> Quarantine::keep(std::string_view name, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes_ + bytes.size() > max_bytes_) return {};
  const auto path = directory_ / name;
  const auto there = fs_.exists(path);
  if (!there) return there.error();
  if (*there) return {};
  if (auto written = write_file_durably(fs_, path, bytes); !written) return written;
  ++files_;
  bytes_ += bytes.size();
  return {};
}

Result<void> Quarantine::set_aside(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  const auto file = fs_.open_read_only(path);
  const auto size = file ? (*file)->size() : Result<std::uint64_t>(file.error());
  if (auto moved = fs_.rename(path, directory_ / path.filename()); !moved) return moved;
  ++files_;
  bytes_ += size ? *size : 0;
  return fs_.sync_directory(directory_);
}

}  // namespace tracelink
