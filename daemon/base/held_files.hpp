#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/base/result.hpp"

namespace tracelink {

// What a file of the state directory is for.
enum class StateFile {
  segment,
  journal,
  checkpoint,
  notes,
  link,
  registration,
  active_model,
  relinks,
  dead_letters,
  quarantine,
  directory,
  lock,
  socket,
};

inline constexpr StateFile kStateFiles[] = {
    StateFile::segment,      StateFile::journal,      StateFile::checkpoint,   StateFile::notes,
    StateFile::link,         StateFile::registration, StateFile::active_model, StateFile::relinks,
    StateFile::dead_letters, StateFile::quarantine,   StateFile::directory,    StateFile::lock,
    StateFile::socket};

std::string_view to_string(StateFile kind);

// How long to wait before what failed `failures` times is tried again: doubled up to 10 s.
std::chrono::milliseconds held_retry_delay(std::uint64_t failures);

// A file that cannot be read now, so that nothing is known about what it holds.
struct HeldFile {
  StateFile kind = StateFile::segment;
  std::string path;
  std::string reason;
  SteadyTime since{};
  bool is_newer = false;  // of a later version of its format (`invalid`)

  void note(const Error& error);
};

// What an operator can do about it.
std::string remedy_for(const HeldFile& file);

// The files of the state directory that could not be read: status, metrics and the log show this
// one list. Such a file is neither damaged nor absent. It stays where it is until it can be read.
//
// Threads: any. A retry is called without a lock, by whoever calls retry_due().
class HeldFiles {
 public:
  // Tries to read the file again; success when it could be read and its content was taken over.
  using Retry = std::function<Result<void>()>;

  explicit HeldFiles(const Clock& clock) : clock_(clock) {}

  // Held from now on, or still; `retry` as above, or nothing if the owner retries by itself.
  void hold(StateFile kind, const std::string& path, const Error& error, Retry retry = {});
  void release(const std::string& path);
  bool holds(const std::string& path) const;
  std::vector<HeldFile> list() const;

  // Calls every retry that is due, and releases the files that could be read.
  void retry_due();
  // How many could be read so: what waited for one may be looked at again each time.
  std::uint64_t read_late() const { return read_late_; }

 private:
  struct Entry {
    HeldFile file;
    Retry retry;
    std::uint64_t failures = 0;
    SteadyTime due{};
  };
  std::optional<std::pair<std::string, Retry>> take_due(SteadyTime now);
  void note_failure(const std::string& path, const Error& error);

  const Clock& clock_;
  mutable Mutex mutex_;
  std::map<std::string, Entry> entries_ GUARDED_BY(mutex_);  // by path
  std::atomic<std::uint64_t> read_late_ = 0;
};

}  // namespace tracelink
