#pragma once

#include <optional>
#include <string>

#include "daemon/base/clock.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/forward/log_throttle.hpp"

namespace tracelink {

// Tells people how delivery goes: the log, and the last error for `status`. Threads: one.
class Reporter {
 public:
  explicit Reporter(const Clock& clock) : clock_(clock), throttle_(clock) {}

  // `subject`: what fails, the same words each time.
  void failure(const std::string& subject, const std::string& message, const std::string& remedy);
  // Logged only if the subject's failure was.
  void recovered(const std::string& subject);

  const std::optional<LastError>& last_error() const { return last_error_; }

 private:
  const Clock& clock_;
  LogThrottle throttle_;
  std::optional<LastError> last_error_;
};

}  // namespace tracelink
