#include "daemon/report/reporter.hpp"

#include <cstddef>

#include "daemon/report/log_event.hpp"

namespace tracelink {

namespace {

// What waits for an operator is tried again each minute.
constexpr auto kStillWaits = std::chrono::minutes(2);
// Subjects can be invented by peers. Beyond this many, consequences are logged too.
constexpr std::size_t kMostSubjects = 1000;

}  // namespace

void Reporter::failure(const std::string& subject, const std::string& message,
                       const std::string& remedy) {
  if (muted_) return;
  if (!remedy.empty()) {
    note_waiting(subject);
  } else if (is_waiting(subject)) {
    return;
  }
  last_error_ = LastError{subject + ": " + message, remedy, clock_.steady(), std::nullopt};
  last_subject_ = subject;
  log_left_out();
  const auto times = throttle_.due(subject, message);
  if (!times) return;
  const auto level = remedy.empty() ? spdlog::level::warn : spdlog::level::err;
  LogEvent("failing")
      .text("subject", subject)
      .text("reason", message)
      .text("remedy", remedy)
      .number("times", *times)
      .log(level);
}

bool Reporter::is_waiting(const std::string& subject) const {
  const auto known = waits_for_operator_.find(subject);
  return known != waits_for_operator_.end() && clock_.steady() - known->second <= kStillWaits;
}

void Reporter::note_waiting(const std::string& subject) {
  const SteadyTime now = clock_.steady();
  if (const auto known = waits_for_operator_.find(subject); known != waits_for_operator_.end()) {
    known->second = now;
    return;
  }
  if (waits_for_operator_.size() >= kMostSubjects) {
    std::erase_if(waits_for_operator_,
                  [&](const auto& at) { return now - at.second > kStillWaits; });
  }
  if (waits_for_operator_.size() < kMostSubjects) waits_for_operator_.emplace(subject, now);
}

void Reporter::recovered(const std::string& subject) {
  waits_for_operator_.erase(subject);
  if (last_error_ && last_subject_ == subject && !last_error_->over_at) {
    last_error_->over_at = clock_.steady();
  }
  if (throttle_.clear(subject)) LogEvent("works again").text("subject", subject).info();
}

bool Reporter::may_log(const std::string& kind) {
  log_left_out();
  return throttle_.admit(kind);
}

void Reporter::log_left_out() {
  while (const auto left_out = throttle_.take_left_out()) {
    LogEvent("too many lines of a kind")
        .text("kind", left_out->kind)
        .number("left_out", left_out->lines)
        .warn();
  }
}

}  // namespace tracelink
