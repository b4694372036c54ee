#include "daemon/base/posix_file_system.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

namespace tracelink {
namespace {

Error os_error(std::string_view what, const std::filesystem::path& path, int number = errno) {
  const bool full = number == ENOSPC || number == EDQUOT;
  return Error{
      full ? ErrorCode::no_space : ErrorCode::io,
      std::string(what) + " " + path.string() + ": " + std::generic_category().message(number)};
}

// File systems, sandboxes and kernels say in many words that they do not know how to reserve
// blocks; these are about the disk.
bool disk_refuses(int number) {
  return number == ENOSPC || number == EDQUOT || number == EFBIG || number == EIO;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::filesystem::path path, const PosixFileSystem::Guard& guard)
      : fd_(std::move(fd)), path_(std::move(path)), guard_(guard) {}

  Result<void> append(std::span<const std::string_view> pieces) override {
    std::size_t skip = 0;  // bytes of the first piece that are written already
    while (!pieces.empty()) {
      const auto written = write_some(pieces, skip);
      if (written < 0) {
        if (errno == EINTR) continue;
        return os_error("write", path_);
      }
      skip += static_cast<std::size_t>(written);
      while (!pieces.empty() && skip >= pieces.front().size()) {
        skip -= pieces.front().size();
        pieces = pieces.subspan(1);
      }
    }
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(fd_.get()) != 0) return os_error("fdatasync", path_);
    if (!is_in_its_place()) {
      return Error{ErrorCode::io, path_.string() + " was removed or replaced while it was written"};
    }
    return guard_ ? guard_(path_) : Result<void>();
  }

  Result<std::string> read_at(std::uint64_t offset, std::size_t size) const override {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      const auto got =
          ::pread(fd_.get(), bytes.data() + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return os_error("read", path_);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
  }

  Result<std::uint64_t> size() const override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return os_error("stat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return os_error("truncate", path_);
    return {};
  }

  Result<void> preallocate(std::uint64_t size) override {
    while (::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) != 0) {
      if (errno == EINTR) continue;
      if (!disk_refuses(errno)) return {};  // it cannot be asked to; writing tells
      return os_error("preallocate", path_);
    }
    return {};
  }

 private:
  bool is_in_its_place() const {
    struct stat opened{};
    struct stat found{};
    if (::fstat(fd_.get(), &opened) != 0 || ::stat(path_.c_str(), &found) != 0) return false;
    return opened.st_dev == found.st_dev && opened.st_ino == found.st_ino;
  }

  ssize_t write_some(std::span<const std::string_view> pieces, std::size_t skip) {
    std::array<iovec, 256> vectors{};
    static_assert(vectors.size() <= IOV_MAX);
    const std::size_t count = std::min(pieces.size(), vectors.size());
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view piece = i == 0 ? pieces[i].substr(skip) : pieces[i];
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): writev reads what iovec calls void*.
      vectors[i] = {const_cast<char*>(piece.data()), piece.size()};
    }
    return ::writev(fd_.get(), vectors.data(), static_cast<int>(count));
  }

  Descriptor fd_;
  std::filesystem::path path_;
  const PosixFileSystem::Guard& guard_;
};

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open_file(const std::filesystem::path& path,
                                                         int flags) const {
  if (auto allowed = ask_guard(path); !allowed) return std::move(allowed).error();
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return os_error("open", path);
  return std::unique_ptr<File>(std::make_unique<PosixFile>(Descriptor(fd), path, guard_));
}

Result<std::unique_ptr<File>> PosixFileSystem::create(const std::filesystem::path& path) {
  return open_file(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL);
}

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::filesystem::path& path) {
  return open_file(path, O_RDWR | O_APPEND);
}

Result<std::unique_ptr<File>> PosixFileSystem::open_read_only(
    const std::filesystem::path& path) const {
  // What is no file must not make anybody wait (a pipe), nor be taken for an empty one.
  auto file = open_file(path, O_RDONLY | O_NONBLOCK);
  std::error_code error;
  if (file && !std::filesystem::is_regular_file(path, error) && !error) {
    return Error{ErrorCode::io, "open " + path.string() + ": not a regular file"};
  }
  return file;
}

Result<void> PosixFileSystem::rename(const std::filesystem::path& from,
                                     const std::filesystem::path& to) {
  if (auto allowed = ask_guard(to); !allowed) return allowed;
  if (::rename(from.c_str(), to.c_str()) != 0) return os_error("rename", from);
  return {};
}

Result<void> PosixFileSystem::remove(const std::filesystem::path& path) {
  if (auto allowed = ask_guard(path); !allowed) return allowed;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return os_error("remove", path);
  return {};
}

Result<bool> PosixFileSystem::exists(const std::filesystem::path& path) const {
  if (auto allowed = ask_guard(path); !allowed) return std::move(allowed).error();
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno != ENOENT) return os_error("stat", path);
  const auto parent = path.parent_path();
  if (parent.empty() || ::stat(parent.c_str(), &status) == 0) return false;
  const auto error = os_error("stat", parent);
  auto has_parent = exists(parent);
  if (has_parent && *has_parent) return error;  // a link to a directory that is away
  return has_parent;
}

Result<std::optional<std::uint64_t>> PosixFileSystem::size_of(
    const std::filesystem::path& path) const {
  if (auto allowed = ask_guard(path); !allowed) return std::move(allowed).error();
  struct stat status{};
  const bool there = ::lstat(path.c_str(), &status) == 0;
  if (!there && errno != ENOENT) return os_error("stat", path);
  if (!there || !S_ISREG(status.st_mode)) return std::optional<std::uint64_t>();
  return std::optional(static_cast<std::uint64_t>(status.st_size));
}

Result<void> PosixFileSystem::create_directories(const std::filesystem::path& path) {
  if (auto allowed = ask_guard(path); !allowed) return allowed;
  if (path.empty()) return {};
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return os_error("mkdir", path);
  if (auto parent = create_directories(path.parent_path()); !parent) return parent;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return os_error("mkdir", path);
  return {};
}

Result<void> PosixFileSystem::sync_directory(const std::filesystem::path& path) {
  if (auto allowed = ask_guard(path); !allowed) return allowed;
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return os_error("open", path);
  if (::fsync(directory.get()) != 0) return os_error("fsync", path);
  return {};
}

Result<std::vector<std::string>> PosixFileSystem::list(
    const std::filesystem::path& directory) const {
  std::vector<std::string> names;
  if (auto allowed = ask_guard(directory); !allowed) return std::move(allowed).error();
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return os_error("list", directory, error.value());
  std::ranges::sort(names);
  return names;
}

Result<std::uint64_t> PosixFileSystem::free_bytes(const std::filesystem::path& directory) const {
  struct statvfs status{};
  if (::statvfs(directory.c_str(), &status) != 0) return os_error("statvfs", directory);
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

}  // namespace tracelink
