#include "daemon/queue/quarantine.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kPieceBytes = 256u << 10;

// A new file at `path`, synced.
Result<void> copy_bytes(FileSystem& fs, const std::filesystem::path& path, const File& source) {
  const auto file = fs.create(path);
  if (!file) return file.error();
  for (std::uint64_t offset = 0;;) {
    const auto piece = source.read_at(offset, kPieceBytes);
    if (!piece) return piece.error();
    if (piece->empty()) break;  // the file ends
    const std::string_view pieces[] = {*piece};
    if (auto written = (*file)->append(pieces); !written) return written;
    offset += piece->size();
  }
  return (*file)->sync();
}

// As copy_bytes(), all or nothing.
Result<void> copy_whole(FileSystem& fs, const std::filesystem::path& path, const File& source) {
  const auto unfinished = path.string() + ".tmp";
  auto done = fs.remove(unfinished);
  if (done) done = copy_bytes(fs, unfinished, source);
  if (done) done = fs.rename(unfinished, path);
  if (!done) (void)fs.remove(unfinished).has_value();  // the next copy does
  return done;
}

Result<void> move_by_copy(FileSystem& fs, const std::filesystem::path& from, const File& source,
                          const std::filesystem::path& to) {
  if (auto copied = copy_whole(fs, to, source); !copied) return copied;
  if (auto synced = fs.sync_directory(to.parent_path()); !synced) return synced;
  return fs.remove(from);
}

}  // namespace

Quarantine::Quarantine(FileSystem& fs, std::filesystem::path directory, std::uint64_t max_bytes)
    : fs_(fs), directory_(std::move(directory)), max_bytes_(max_bytes) {}

Result<void> Quarantine::open() {
  const MutexLock lock(mutex_);
  const auto names = fs_.list(directory_);
  if (!names) return names.error();
  for (const auto& name : *names) {
    ++files_;
    // What cannot be read there needs nobody: it is for people, and stays.
    const auto file = fs_.open_read_only(directory_ / name);
    const auto size = file ? (*file)->size() : Result<std::uint64_t>(file.error());
    if (size) bytes_ += *size;
  }
  return {};
}

Result<void> Quarantine::make_directory() const {
  if (auto made = fs_.create_directories(directory_); !made) return made;
  return fs_.sync_directory(directory_.parent_path());
}

Result<bool> Quarantine::has_place_lock_held(const std::filesystem::path& path,
                                             std::uint64_t size) const {
  if (size > max_bytes_ || bytes_ > max_bytes_ - size) return false;
  const auto there = fs_.exists(path);
  if (!there) return there.error();
  return !*there;
}

Result<void> Quarantine::keep(std::string_view name, std::string_view bytes) {
  const MutexLock lock(mutex_);
  const auto path = directory_ / name;
  const auto place = has_place_lock_held(path, bytes.size());
  if (!place || !*place) return place ? Result<void>() : Result<void>(place.error());
  if (auto made = make_directory(); !made) return made;
  if (auto written = write_file_durably(fs_, path, bytes); !written) return written;
  ++files_;
  bytes_ += bytes.size();
  return {};
}

Result<void> Quarantine::set_aside(const std::filesystem::path& path) {
  const MutexLock lock(mutex_);
  const auto file = fs_.open_read_only(path);
  const auto size = file ? (*file)->size() : Result<std::uint64_t>(file.error());
  const auto place = directory_ / path.filename();
  if (auto made = make_directory(); !made) return made;
  auto moved = fs_.rename(path, place);
  // The folder may be on another file system.
  if (!moved && size) moved = move_by_copy(fs_, path, **file, place);
  if (!moved) return moved;
  ++files_;
  bytes_ += size ? *size : 0;
  return fs_.sync_directory(directory_);
}

}  // namespace tracelink
