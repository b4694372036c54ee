#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/base/result.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/report/reporter.hpp"

namespace tracelink {

// Tells people when the queue cannot take spans, when it can again, and what it lost: the log, the
// last error, and what is wrong now for `status`. Threads: any.
class QueueWatch {
 public:
  explicit QueueWatch(const Clock& clock) : clock_(clock), reporter_(clock) {}

  void appended(const Result<void>& result);  // of each request
  // Now and then; the first time before anything is appended.
  void look(const QueueStats& now);

  std::vector<std::string> notices() const;  // what is wrong now, and what to do
  std::optional<LastError> last_error() const;
  bool writable() const;  // the last append did not fail on the disk

 private:
  // Of which people are told at most once a minute.
  struct Loss {
    std::uint64_t told = 0;
    std::optional<SteadyTime> told_at;
  };
  void refused_for_room() REQUIRES(mutex_);
  void look_at_held_files(const std::vector<HeldFile>& files) REQUIRES(mutex_);
  std::uint64_t untold(Loss& loss, std::uint64_t now) const;

  const Clock& clock_;
  mutable Mutex mutex_;
  Reporter reporter_ GUARDED_BY(mutex_);
  std::string write_error_ GUARDED_BY(mutex_);  // of the last append; empty if it went well
  std::optional<SteadyTime> full_seen_ GUARDED_BY(mutex_);  // last; nothing while there is room
  bool looked_ GUARDED_BY(mutex_) = false;
  Loss dropped_ GUARDED_BY(mutex_);
  Loss quarantined_ GUARDED_BY(mutex_);
  // Files that cannot be read, and why.
  std::map<std::string, std::string> held_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
