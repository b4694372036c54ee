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
// Subjects may be invented by peers ("experiment 7"), so a kind of subjects ("experiment", the
// first word) has at most ten lines a minute; what is over that is counted.
//
// Memory: one entry a subject that was logged, at most 1,000; subjects that were quiet for an hour
// are forgotten. Threads: one.
class LogThrottle {
 public:
  explicit LogThrottle(const Clock& clock) : clock_(clock) {}

  // Counts the message. If it is to be logged now: how often it happened since it was logged last
  // (at least 1); else nothing.
  std::optional<std::uint64_t> due(const std::string& subject, const std::string& message);
  // The same for messages that have no subject: each kind of message, numbers aside, is one.
  std::optional<std::uint64_t> due(const std::string& message);
  // The same for a line that stands alone: whether the kind of subject has lines left this minute.
  bool admit(const std::string& kind);
  // The subject is well again; true if something about it had been logged.
  bool clear(const std::string& subject);

  struct LeftOut {
    std::string kind;
    std::uint64_t lines = 0;
  };
  // Lines that a kind had too many in a minute that is over. Each is returned once.
  std::optional<LeftOut> take_left_out();

 private:
  struct Entry {
    std::string message;  // without numbers
    SteadyTime logged_at;
    std::uint64_t count = 0;
  };
  struct Budget {
    SteadyTime since;
    std::uint32_t lines = 0;
    std::uint64_t left_out = 0;
  };
  void forget_quiet_ones();
  void forget_the_oldest();

  const Clock& clock_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, Budget> kinds_;
  std::optional<SteadyTime> swept_at_;
};

}  // namespace tracelink
