#include "daemon/base/file_system.hpp"

namespace tracelink {
namespace {

Result<void> write_new_file(FileSystem& fs, const std::filesystem::path& path,
                            std::string_view content) {
  auto file = fs.create(path);
  if (!file) return std::move(file).error();
  const std::string_view pieces[] = {content};
  if (auto written = (*file)->append(pieces); !written) return written;
  return (*file)->sync();
}

}  // namespace

Result<void> write_file_durably(FileSystem& fs, const std::filesystem::path& path,
                                std::string_view content) {
  auto temporary = path;
  temporary += ".tmp";
  if (auto removed = fs.remove(temporary); !removed) return removed;
  if (auto written = write_new_file(fs, temporary, content); !written) {
    // What is left of the temporary file is replaced by the next attempt; its bytes matter only
    // when the disk is full, so removing it is worth one try.
    (void)fs.remove(temporary).has_value();
    return written;
  }
  if (auto renamed = fs.rename(temporary, path); !renamed) return renamed;
  return fs.sync_directory(path.parent_path());
}

Error not_replaced_unread(const std::filesystem::path& path) {
  return {ErrorCode::io, path.string() + " cannot be read, and is not replaced unread"};
}

Result<std::string> read_file(const FileSystem& fs, const std::filesystem::path& path) {
  auto file = fs.open_read_only(path);
  if (!file) return std::move(file).error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  return (*file)->read_at(0, static_cast<std::size_t>(*size));
}

}  // namespace tracelink
