#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "daemon/base/clock.hpp"

namespace tracelink {

// Keeps a repeating failure from filling the log: a message is due when it differs from the last
// one of its subject in more than numbers (durations, the name of a file), and else once a minute.
// Memory: one entry a subject; subjects that were quiet for an hour are forgotten. Threads: one.
class LogThrottle {
 public:
  explicit LogThrottle(const Clock& clock) : clock_(clock) {}

  // How often `message` happened since it was last due (at least 1) when it is to be logged now,
  // else nothing.
  std::optional<std::uint64_t> due(const std::string& subject, const std::string& message);
  // The same for messages that have no subject: each kind of message, numbers aside, is one.
  std::optional<std::uint64_t> due(const std::string& message);
  // The subject is well again; true if something about it had been logged.
  bool clear(const std::string& subject);

 private:
  struct Entry {
    std::string message;  // without numbers
    SteadyTime logged_at;
    std::uint64_t count = 0;
  };
  void forget_quiet_ones();

  const Clock& clock_;
  std::map<std::string, Entry> entries_;
};

}  // namespace tracelink
