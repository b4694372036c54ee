#include "daemon/destination/file/day_file.hpp"

#include <algorithm>
#include <utility>

namespace tracelink {

Result<std::unique_ptr<DayFile>> DayFile::open(FileSystem& fs, const std::filesystem::path& path) {
  const auto exists = fs.exists(path);
  if (!exists) return exists.error();
  auto file = *exists ? fs.open(path) : fs.create(path);
  if (!file) return std::move(file).error();
  // Not only a new file's: the sync that was due when it was created may have failed.
  if (auto synced = fs.sync_directory(path.parent_path()); !synced) return synced.error();
  std::unique_ptr<DayFile> day(new DayFile(*std::move(file)));
  if (auto cut = day->cut_torn_line(); !cut) return std::move(cut).error();
  return day;
}

Result<void> DayFile::cut_torn_line() {
  constexpr std::uint64_t kChunk = 64 << 10;
  const auto size = file_->size();
  if (!size) return size.error();
  bytes_ = 0;
  for (std::uint64_t end = *size; end > 0 && bytes_ == 0;) {
    const std::uint64_t begin = end - std::min(end, kChunk);
    const auto chunk = file_->read_at(begin, static_cast<std::size_t>(end - begin));
    if (!chunk) return chunk.error();
    const auto newline = chunk->rfind('\n');
    if (newline != std::string::npos) bytes_ = begin + newline + 1;
    end = begin;
  }
  if (bytes_ == *size) return {};
  return file_->truncate(bytes_);
}

Result<void> DayFile::append(std::string_view lines) {
  const std::string_view pieces[] = {lines};
  auto written = file_->append(pieces);
  if (written) written = file_->sync();
  if (written) {
    bytes_ += lines.size();
  } else {
    (void)file_->truncate(bytes_).has_value();  // the error to tell is the first one
  }
  return written;
}

}  // namespace tracelink
