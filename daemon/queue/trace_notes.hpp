#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/held_files.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/queue/disk_reserve.hpp"
#include "daemon/queue/link_store.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/types/peer_id_hash.hpp"

namespace tracelink {

// The newest note of every trace of the last hour (counted by the age of the queue's records, so
// that an outage does not shorten it), in one append-only file that is written anew when most of it
// is stale.
//
// A file that cannot be read, or is of a later version, is held, and what is noted meanwhile goes
// to a file of its own ("notes-<n>"), until all of them are one again.
//
// A link whose definition has no file, since the disk is full, has its definition here, durable
// together with the first note that refers to it. It is learned again when the notes are loaded.
//
// Memory and disk: bounded by `max_notes`, the oldest is forgotten first.
// Threads: any. Lifetime: the references outlive this object.
class TraceNotes {
 public:
  TraceNotes(FileSystem& fs, std::filesystem::path path, const Clock& clock, DiskReserve& reserve,
             HeldFiles& held, LinkStore& links, std::size_t max_notes);

  // Loads those of the names in its directory that are files of notes; damaged notes are skipped.
  // Once, as soon as the directory can be listed: until then it knows no note, and add() fails.
  void load(const std::vector<std::string>& names);
  // Durable when it returns success. Forgets what was noted an hour before `oldest_record`, the
  // acceptance of the oldest record that is not done (if there is none, of the present), by the
  // wall clock, which may have been set, and by how long this process has known it.
  Result<void> add(const std::vector<TraceNote>& notes, WallTime oldest_record);
  std::vector<TraceNote> recent() const;          // newest per trace, oldest first
  std::uint64_t loads() const { return loads_; }  // how often notes came from files

  std::uint64_t file_bytes() const;  // of the files that were read or written

 private:
  Result<void> load_lock_held(const std::filesystem::path& path) REQUIRES(mutex_);
  Result<void> load_late(const std::filesystem::path& path);
  void hold(const std::filesystem::path& path, const Error& error) REQUIRES(mutex_);
  void remember_older_lock_held(const TraceNote& note) REQUIRES(mutex_);
  // The definition of its link, unless that has a file or is in `written`, and the note.
  std::string encode_whole(const TraceNote& note, std::set<LinkHash>& written) const;
  Result<void> append_lock_held(const std::string& bytes) REQUIRES(mutex_);
  Result<void> rewrite_lock_held() REQUIRES(mutex_);
  void remember_lock_held(const TraceNote& note, SteadyTime known_since) REQUIRES(mutex_);
  void date_loaded_lock_held(SteadyTime now) REQUIRES(mutex_);
  void forget_beyond_bound_lock_held() REQUIRES(mutex_);
  void forget_before_lock_held(WallTime oldest_record, SteadyTime now) REQUIRES(mutex_);
  void forget_oldest_lock_held() REQUIRES(mutex_);

  FileSystem& fs_;
  const std::filesystem::path path_;
  const Clock& clock_;
  DiskReserve& reserve_;
  HeldFiles& held_;
  LinkStore& links_;
  const std::size_t max_notes_;
  mutable Mutex mutex_;
  struct Entry {
    TraceNote note;
    SteadyTime known_since;  // in this process
  };
  std::map<std::uint64_t, Entry> by_age_ GUARDED_BY(mutex_);  // key: a counter
  bool listed_ GUARDED_BY(mutex_) = false;                    // which files there are is known
  bool loaded_are_dated_ GUARDED_BY(mutex_) = false;
  std::unordered_map<TraceId, std::uint64_t, PeerIdHash> age_of_ GUARDED_BY(mutex_);
  std::uint64_t next_age_ GUARDED_BY(mutex_) = std::uint64_t{1} << 63;
  std::uint64_t oldest_age_ GUARDED_BY(mutex_) = next_age_;
  std::set<std::filesystem::path> unread_
      GUARDED_BY(mutex_);                                    // cannot be read, and are not replaced
  std::set<std::filesystem::path> read_ GUARDED_BY(mutex_);  // their notes are in memory
  std::filesystem::path own_ GUARDED_BY(mutex_);             // what is written
  std::set<LinkHash> defined_ GUARDED_BY(mutex_);            // in the file
  // Notes and parts of definitions, in the files that were read or written, stale ones included.
  std::atomic<std::uint64_t> file_pieces_ = 0;
  std::atomic<std::uint64_t> loads_ = 0;
  std::unique_ptr<File> file_ GUARDED_BY(mutex_);  // null: to be written anew
};

}  // namespace tracelink
