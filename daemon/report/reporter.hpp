#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/base/clock.hpp"
#include "daemon/report/last_error.hpp"
#include "daemon/report/log_throttle.hpp"

namespace tracelink {

// The subject of what concerns the server as a whole.
inline constexpr char kServerSubject[] = "server";

// Tells people what fails and what works again: the log, and the last error for `status`. What
// needs an operator, because it has a remedy, is an error, the rest a warning. Threads: one.
class Reporter {
 public:
  explicit Reporter(const Clock& clock) : clock_(clock), throttle_(clock) {}

  // `subject`: what fails, the same words each time. While an operator is waited for, what has no
  // remedy says nothing about the same subject: it is probably a consequence.
  void failure(const std::string& subject, const std::string& message, const std::string& remedy);
  // Logged only if the subject's failure was. The last error, if it is the subject's, is over.
  void recovered(const std::string& subject);

  // Whether a line of news of this kind may be logged now: peers cause them too.
  bool may_log(const std::string& kind);

  // While muted, failures are neither logged nor kept.
  void set_muted(bool muted) { muted_ = muted; }

  const std::optional<LastError>& last_error() const { return last_error_; }

 private:
  void log_left_out();
  bool is_waiting(const std::string& subject) const;  // for an operator
  void note_waiting(const std::string& subject);

  const Clock& clock_;
  LogThrottle throttle_;
  bool muted_ = false;
  std::map<std::string, SteadyTime> waits_for_operator_;  // since the last failure with a remedy
  std::optional<LastError> last_error_;
  std::string last_subject_;  // of last_error_
};

}  // namespace tracelink
