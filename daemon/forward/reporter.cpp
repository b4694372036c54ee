#include "daemon/forward/reporter.hpp"

#include <spdlog/spdlog.h>

namespace tracelink {

void Reporter::failure(const std::string& subject, const std::string& message,
                       const std::string& remedy) {
  if (muted_) return;
  last_error_ = LastError{subject + ": " + message, remedy, clock_.wall()};
  const auto times = throttle_.due(subject, message);
  if (!times) return;
  const auto level = remedy.empty() ? spdlog::level::warn : spdlog::level::err;
  spdlog::log(level, "failing subject=\"{}\" reason=\"{}\" remedy=\"{}\" times={}", subject,
              message, remedy, *times);
}

void Reporter::recovered(const std::string& subject) {
  if (throttle_.clear(subject)) spdlog::info("works again subject=\"{}\"", subject);
}

}  // namespace tracelink
