#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/queue/disk_reserve.hpp"
#include "daemon/queue/queue.hpp"

namespace tracelink {

// The newest note of every trace of the last hour, in one append-only file that is written anew
// when most of it is stale.
//
// Memory and disk: bounded by `max_notes`, the oldest is forgotten first.
// Threads: any. Lifetime: the references outlive this object.
class TraceNotes {
 public:
  TraceNotes(FileSystem& fs, std::filesystem::path path, DiskReserve& reserve, const Clock& clock,
             std::size_t max_notes);

  // Loads the file; damaged notes are skipped. Error: `io`.
  Result<void> open();
  // Durable when it returns success.
  Result<void> add(const std::vector<TraceNote>& notes);
  std::vector<TraceNote> recent() const;  // newest per trace, oldest first

  std::uint64_t file_bytes() const;

 private:
  Result<void> append_lock_held(const std::string& bytes);
  Result<void> rewrite_lock_held();
  void remember_lock_held(const TraceNote& note);
  void forget_old_lock_held();

  FileSystem& fs_;
  const std::filesystem::path path_;
  DiskReserve& reserve_;
  const Clock& clock_;
  const std::size_t max_notes_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, TraceNote> by_age_;  // key: a counter
  std::unordered_map<TraceId, std::uint64_t, IdHash> age_of_;
  std::uint64_t next_age_ = 0;
  std::atomic<std::uint64_t> file_notes_ = 0;  // in the file, stale ones included
  std::unique_ptr<File> file_;                 // null: to be written anew
};

}  // namespace tracelink
