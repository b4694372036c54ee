#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/file_system.hpp"

namespace tracelink {

// Files in memory with the durability of a disk: after crash() only synced bytes under synced
// directory entries are there. Any operation can be made to fail. Threads: any.
class FakeFileSystem final : public FileSystem {
 public:
  // What of the unsynced state survives a crash.
  enum class Crash { lose_unsynced, keep_all, keep_some };

  // Operations are counted from 0; the n-th fails with `io`. Half of what a failing append() was
  // given is written, and what a failing sync() should have made durable never will be, nor what
  // follows it in the file, unless truncate() takes it away first.
  void fail_operation(std::uint64_t n) {
    const std::lock_guard lock(mutex_);
    fail_at_ = n;
    count_ = 0;
    fired_ = false;
  }
  // From the n-th on every operation fails: the power is gone, the process does not know yet.
  void lose_power_at(std::uint64_t n) {
    fail_operation(n);
    const std::lock_guard lock(mutex_);
    power_cut_ = true;
  }
  // Called by each sync() of a file, in its thread; it may use the file system.
  void set_on_sync(std::function<void()> on_sync) {
    const std::lock_guard lock(mutex_);
    on_sync_ = std::move(on_sync);
  }
  // Every operation on a path whose name starts so fails; empty: none.
  void fail_names(std::string prefix) {
    const std::lock_guard lock(mutex_);
    failing_prefix_ = std::move(prefix);
  }
  // Reads (open_read_only(), exists(), size_of(), list(), size(), read_at()) of paths that contain
  // `part` are counted from 0; from the n-th on `times` of them fail.
  static constexpr std::uint64_t kForEver = UINT64_MAX;
  void fail_reads(std::string part, std::uint64_t n = 0, std::uint64_t times = kForEver) {
    const std::lock_guard lock(mutex_);
    read_faults_ = ReadFaults{std::move(part), n, times};
    fired_ = false;
  }
  // Of another user: it cannot be opened, and all else can be done with it.
  void forbid(std::filesystem::path path) {
    const std::lock_guard lock(mutex_);
    forbidden_ = std::move(path);
  }
  void heal() {
    const std::lock_guard lock(mutex_);
    read_faults_.reset();
  }
  void remove_entry(const std::filesystem::path& path) {
    const std::lock_guard lock(mutex_);
    entries_.erase(path);
    durable_entries_.erase(path);
  }
  bool fired() const {
    const std::lock_guard lock(mutex_);
    return fired_;
  }

  // The machine restarts. Files that are open stay dead. `seed` decides what keep_some keeps.
  void crash(Crash how = Crash::lose_unsynced, std::uint32_t seed = 0) {
    const std::lock_guard lock(mutex_);
    std::mt19937 random(seed);
    ++life_;
    fail_at_.reset();
    power_cut_ = false;
    if (how == Crash::keep_all) return;
    if (how == Crash::lose_unsynced || random() % 2 == 0) entries_ = durable_entries_;
    for (auto& [path, inode] : entries_) inode->lose_unsynced(how, random);
    durable_entries_ = entries_;
  }

  // Bytes of the simulated disk; what is beyond is `no_space`.
  void set_capacity(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    capacity_ = bytes;
  }

  // Another process takes every byte that a removed file gives back.
  void let_others_take_what_is_freed() {
    const std::lock_guard lock(mutex_);
    others_take_all_ = true;
  }

  // Runs once, in the thread that asks for the free bytes next, before it is told.
  void at_next_free_bytes(std::function<void()> action) {
    const std::lock_guard lock(mutex_);
    at_next_free_bytes_ = std::move(action);
  }

  // Direct access for tests: the content as a process sees it.
  std::string content(const std::filesystem::path& path) const {
    const std::lock_guard lock(mutex_);
    return entries_.at(path)->bytes;
  }
  void set_content(const std::filesystem::path& path, std::string bytes) {
    const std::lock_guard lock(mutex_);
    auto& inode = entries_[path];
    if (!inode) inode = std::make_shared<Inode>();
    inode->bytes = bytes;
    inode->durable = std::move(bytes);
    durable_entries_[path] = inode;
  }
  std::uint64_t read_bytes() const { return read_bytes_; }  // by everybody, so far
  int open_files() const { return *open_files_; }
  std::uint64_t disk_bytes() const {
    const std::lock_guard lock(mutex_);
    return used();
  }

  Result<std::unique_ptr<File>> create(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    if (auto step = begin(path); !step) return std::move(step).error();
    if (entries_.contains(path)) return Error{ErrorCode::io, path.string() + ": exists"};
    auto inode = entries_[path] = std::make_shared<Inode>();
    return handle(path, std::move(inode));
  }
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    return find(path);
  }
  Result<std::unique_ptr<File>> open_read_only(const std::filesystem::path& path) const override {
    const std::lock_guard lock(mutex_);
    if (auto step = begin_read(path); !step) return std::move(step).error();
    return const_cast<FakeFileSystem*>(this)->find(path);
  }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    const std::lock_guard lock(mutex_);
    if (auto step = begin(from); !step) return step;
    const auto found = entries_.find(from);
    if (found == entries_.end()) return Error{ErrorCode::io, from.string() + ": not there"};
    auto inode = std::move(found->second);
    entries_.erase(found);
    entries_[to] = std::move(inode);
    return {};
  }
  Result<void> remove(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    if (auto step = begin(path); !step) return step;
    const auto before = used();
    entries_.erase(path);
    if (others_take_all_) capacity_ -= std::min(capacity_, before - used());
    return {};
  }
  Result<bool> exists(const std::filesystem::path& path) const override {
    const std::lock_guard lock(mutex_);
    if (auto step = begin_read(path); !step) return std::move(step).error();
    if (auto step = begin(path); !step) return std::move(step).error();
    return entries_.contains(path);
  }
  Result<std::optional<std::uint64_t>> size_of(const std::filesystem::path& path) const override {
    const std::lock_guard lock(mutex_);
    if (auto step = begin_read(path); !step) return std::move(step).error();
    if (auto step = begin(path); !step) return std::move(step).error();
    const auto found = entries_.find(path);
    if (found == entries_.end()) return std::optional<std::uint64_t>();
    return std::optional<std::uint64_t>(found->second->bytes.size());
  }
  Result<void> create_directories(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    return begin(path);  // directories are wherever a file's path says
  }
  Result<void> sync_directory(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    if (auto step = begin(path); !step) return step;
    const auto inside = [&](const auto& entry) { return entry.first.parent_path() == path; };
    std::erase_if(durable_entries_, inside);
    for (const auto& entry : entries_) {
      if (inside(entry)) durable_entries_.insert(entry);
    }
    return {};
  }
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) const override {
    const std::lock_guard lock(mutex_);
    if (auto step = begin_read(directory); !step) return std::move(step).error();
    if (auto step = begin(directory); !step) return std::move(step).error();
    std::vector<std::string> names;
    for (const auto& [path, inode] : entries_) {
      if (path.parent_path() == directory) names.push_back(path.filename().string());
    }
    return names;
  }
  Result<std::uint64_t> free_bytes(const std::filesystem::path& directory) const override {
    if (const auto action = take_action()) action();
    const std::lock_guard lock(mutex_);
    if (auto step = begin(directory); !step) return std::move(step).error();
    return capacity_ - std::min(capacity_, used());
  }

 private:
  std::function<void()> take_action() const {
    const std::lock_guard lock(mutex_);
    return std::exchange(at_next_free_bytes_, nullptr);
  }

  struct Inode {
    std::string bytes;    // as a process sees it
    std::string durable;  // after a crash
    std::uint64_t reserved = 0;
    bool sync_failed = false;

    void lose_unsynced(Crash how, std::mt19937& random) {
      auto kept = durable;
      if (how == Crash::keep_some && bytes.size() > durable.size() && bytes.starts_with(durable)) {
        const auto unsynced = bytes.size() - durable.size();
        kept = bytes.substr(0, durable.size() + random() % (unsynced + 1));
        // A block in the middle may be missing where later ones arrived.
        if (kept.size() > durable.size() && random() % 2 == 0) {
          const auto from = durable.size() + random() % (kept.size() - durable.size());
          const auto size = std::min<std::size_t>(64, kept.size() - from);
          std::fill_n(kept.begin() + static_cast<std::ptrdiff_t>(from), size, '\0');
        }
      }
      bytes = durable = kept;
      sync_failed = false;
    }
  };

  class Handle final : public File {
   public:
    Handle(FakeFileSystem& fs, std::filesystem::path path, std::shared_ptr<Inode> inode)
        : fs_(fs),
          path_(std::move(path)),
          inode_(std::move(inode)),
          life_(fs.life_),
          open_(fs.open_files_) {
      ++*open_;
    }
    ~Handle() override { --*open_; }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    Result<void> append(std::span<const std::string_view> pieces) override {
      const std::lock_guard lock(fs_.mutex_);
      std::string all;
      for (const auto piece : pieces) all += piece;
      if (auto step = begin(); !step) {
        if (alive() && !fs_.power_cut_) inode_->bytes += all.substr(0, all.size() / 2);
        return step;
      }
      const auto now = std::max<std::uint64_t>(inode_->bytes.size(), inode_->reserved);
      const auto then = std::max<std::uint64_t>(inode_->bytes.size() + all.size(), now);
      if (fs_.used() + (then - now) > fs_.capacity_) {
        return Error{ErrorCode::no_space, path_.string()};
      }
      inode_->bytes += all;
      return {};
    }
    Result<void> sync() override {
      std::function<void()> on_sync;
      {
        const std::lock_guard lock(fs_.mutex_);
        if (auto step = begin(); !step) {
          inode_->sync_failed = inode_->sync_failed || !fs_.power_cut_;
          return step;
        }
        if (!inode_->sync_failed) inode_->durable = inode_->bytes;
        on_sync = fs_.on_sync_;
      }
      if (on_sync) on_sync();
      return {};
    }
    Result<std::string> read_at(std::uint64_t offset, std::size_t size) const override {
      const std::lock_guard lock(fs_.mutex_);
      if (auto step = fs_.begin_read(path_); !step) return std::move(step).error();
      if (auto step = begin(); !step) return std::move(step).error();
      if (offset >= inode_->bytes.size()) return std::string();
      auto bytes = inode_->bytes.substr(static_cast<std::size_t>(offset), size);
      fs_.read_bytes_ += bytes.size();
      return bytes;
    }
    Result<std::uint64_t> size() const override {
      const std::lock_guard lock(fs_.mutex_);
      if (auto step = fs_.begin_read(path_); !step) return std::move(step).error();
      if (auto step = begin(); !step) return std::move(step).error();
      return std::uint64_t{inode_->bytes.size()};
    }
    Result<void> truncate(std::uint64_t size) override {
      const std::lock_guard lock(fs_.mutex_);
      if (auto step = begin(); !step) return step;
      inode_->bytes.resize(static_cast<std::size_t>(size));
      inode_->reserved = 0;
      if (size <= inode_->durable.size()) inode_->sync_failed = false;
      return {};
    }
    Result<void> preallocate(std::uint64_t size) override {
      const std::lock_guard lock(fs_.mutex_);
      if (auto step = begin(); !step) return step;
      const auto now = std::max<std::uint64_t>(inode_->bytes.size(), inode_->reserved);
      if (size > now && fs_.used() + (size - now) > fs_.capacity_) {
        return Error{ErrorCode::no_space, path_.string()};
      }
      inode_->reserved = std::max(inode_->reserved, size);
      return {};
    }

   private:
    bool alive() const { return life_ == fs_.life_; }
    Result<void> begin() const {
      if (!alive()) return Error{ErrorCode::io, path_.string() + ": opened before the crash"};
      return fs_.begin(path_);
    }

    FakeFileSystem& fs_;
    const std::filesystem::path path_;
    const std::shared_ptr<Inode> inode_;
    const std::uint64_t life_;
    const std::shared_ptr<std::atomic<int>> open_;
  };

  Result<void> begin(const std::filesystem::path& path) const {
    const auto n = count_++;
    const bool counted = fail_at_ && (n == *fail_at_ || (power_cut_ && n > *fail_at_));
    const bool named =
        !failing_prefix_.empty() && path.filename().string().starts_with(failing_prefix_);
    if (!counted && !named) return {};
    fired_ = true;
    return Error{ErrorCode::io, path.string() + ": injected failure"};
  }
  Result<void> begin_read(const std::filesystem::path& path) const {
    if (!read_faults_ || path.string().find(read_faults_->part) == std::string::npos) return {};
    auto& faults = *read_faults_;
    if (faults.skip > 0) {
      --faults.skip;
      return {};
    }
    if (faults.left == 0) return {};
    if (faults.left != kForEver) --faults.left;
    fired_ = true;
    return Error{ErrorCode::io, path.string() + ": injected read error"};
  }
  Result<std::unique_ptr<File>> find(const std::filesystem::path& path) {
    if (auto step = begin(path); !step) return std::move(step).error();
    if (path == forbidden_) return Error{ErrorCode::io, path.string() + ": permission denied"};
    const auto found = entries_.find(path);
    if (found == entries_.end()) return Error{ErrorCode::io, path.string() + ": not there"};
    return handle(path, found->second);
  }
  std::unique_ptr<File> handle(const std::filesystem::path& path, std::shared_ptr<Inode> inode) {
    return std::make_unique<Handle>(*this, path, std::move(inode));
  }
  std::uint64_t used() const {
    std::uint64_t bytes = 0;
    for (const auto& [path, inode] : entries_) {
      bytes += std::max<std::uint64_t>(inode->bytes.size(), inode->reserved);
    }
    return bytes;
  }

  mutable std::mutex mutex_;
  std::map<std::filesystem::path, std::shared_ptr<Inode>> entries_, durable_entries_;
  std::uint64_t capacity_ = std::uint64_t{1} << 40;
  bool others_take_all_ = false;
  std::uint64_t life_ = 0;
  std::optional<std::uint64_t> fail_at_;
  struct ReadFaults {
    std::string part;
    std::uint64_t skip = 0;
    std::uint64_t left = 0;
  };
  mutable std::optional<ReadFaults> read_faults_;
  mutable std::function<void()> at_next_free_bytes_;
  std::function<void()> on_sync_;
  bool power_cut_ = false;
  std::string failing_prefix_;
  std::filesystem::path forbidden_;
  mutable std::uint64_t count_ = 0;
  std::atomic<std::uint64_t> read_bytes_ = 0;
  // Outlives this object in handles that do.
  std::shared_ptr<std::atomic<int>> open_files_ = std::make_shared<std::atomic<int>>(0);
  mutable bool fired_ = false;
};

}  // namespace tracelink
