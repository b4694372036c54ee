#include "daemon/report/log_event.hpp"

#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/text/visible_text.hpp"

namespace tracelink {
namespace {

// spdlog hands a message to its formatters as one text, on the thread that logs. What it is made of
// reaches them beside it.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): of each thread alone
thread_local const LogEvent* event_of_thread = nullptr;

class Current {
 public:
  explicit Current(const LogEvent& event) { event_of_thread = &event; }
  ~Current() { event_of_thread = nullptr; }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;
};

}  // namespace

LogEvent& LogEvent::text(std::string key, std::string_view value) {
  fields_.push_back({std::move(key), std::string(value), LogField::Kind::text});
  return *this;
}

LogEvent& LogEvent::word(std::string key, std::string_view value) {
  fields_.push_back({std::move(key), std::string(value), LogField::Kind::word});
  return *this;
}

LogEvent& LogEvent::number(std::string key, std::uint64_t value) {
  fields_.push_back({std::move(key), std::to_string(value), LogField::Kind::number});
  return *this;
}

void LogEvent::log(spdlog::level::level_enum level) const {
  if (!spdlog::should_log(level)) return;
  const Current current(*this);
  spdlog::log(level, "{}", line());
}

std::string LogEvent::line() const {
  std::string line = words_;
  for (const LogField& field : fields_) {
    line += " " + field.key + "=";
    line += field.kind == LogField::Kind::text ? quoted_text(field.value) : field.value;
  }
  return line;
}

const LogEvent* LogEvent::current() { return event_of_thread; }

}  // namespace tracelink
