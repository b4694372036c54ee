#include "daemon/forward/reporter.hpp"

#include <spdlog/spdlog.h>

namespace tracelink {

namespace {

// What waits for a person is tried again each minute.
constexpr auto kStillWaits = std::chrono::minutes(2);

}  // namespace

void Reporter::failure(const std::string& subject, const std::string& message,
                       const std::string& remedy) {
  if (muted_ || is_consequence(subject, remedy)) return;
  last_error_ = LastError{subject + ": " + message, remedy, clock_.wall()};
  const auto times = throttle_.due(subject, message);
  if (!times) return;
  const auto level = remedy.empty() ? spdlog::level::warn : spdlog::level::err;
  spdlog::log(level, "failing subject=\"{}\" reason=\"{}\" remedy=\"{}\" times={}", subject,
              message, remedy, *times);
}

bool Reporter::is_consequence(const std::string& subject, const std::string& remedy) {
  const SteadyTime now = clock_.steady();
  std::erase_if(waits_for_person_, [&](const auto& at) { return now - at.second > kStillWaits; });
  if (remedy.empty()) return waits_for_person_.contains(subject);
  waits_for_person_[subject] = now;
  return false;
}

void Reporter::recovered(const std::string& subject) {
  waits_for_person_.erase(subject);
  if (throttle_.clear(subject)) spdlog::info("works again subject=\"{}\"", subject);
}

}  // namespace tracelink
