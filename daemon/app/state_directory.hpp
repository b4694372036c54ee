#pragma once

#include <filesystem>
#include <memory>
#include <thread>

#include "daemon/app/state_lock.hpp"
#include "daemon/app/state_parts.hpp"
#include "daemon/base/held_files.hpp"
#include "daemon/base/result.hpp"

namespace tracelink {

// state_dir while the daemon runs: made if it is missing, locked, and looked at twice a second.
//
// Threads: intact() any, the others the one that owns it.
class StateDirectory {
 public:
  // Error: `rejected` (another daemon has it; names its pid, and what to do), `io`.
  static Result<std::unique_ptr<StateDirectory>> open(const std::filesystem::path& path);

  // Whether it is still the one that was opened, and so the directory in it where `path` lies.
  // Error: `io`, as of a disk that fails, for those who want to store something, and for those who
  // would take what is not there for lost.
  Result<void> intact(const std::filesystem::path& path);

  // From now on it is among the `held` files while it is not intact, and what could not be read is
  // tried again. On a thread of its own, since a disk may keep it waiting. `held` has to live until
  // stop_watching().
  void watch(HeldFiles& held);
  void stop_watching();

 private:
  StateDirectory(std::filesystem::path path, StateLock lock)
      : path_(std::move(path)), lock_(std::move(lock)), parts_(path_) {}
  void look(HeldFiles& held);

  const std::filesystem::path path_;
  StateLock lock_;
  StateParts parts_;
  std::jthread thread_;
};

}  // namespace tracelink
