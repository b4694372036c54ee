#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spdlog/common.h>

namespace tracelink {

struct LogField {
  enum class Kind { text, word, number };
  std::string key;  // lower case, with underscores
  std::string value;
  Kind kind = Kind::text;
};

// One event of the log: words that are the same each time, and fields. As text it is one line,
// `words key=value key="any text"`; the JSON format and the journal get the fields as fields.
class LogEvent {
 public:
  explicit LogEvent(std::string words) : words_(std::move(words)) {}

  // What peers, servers or operators may have chosen; in quotes where the event is a line.
  LogEvent& text(std::string key, std::string_view value);
  // Ids, addresses and words of our own, as they are.
  LogEvent& word(std::string key, std::string_view value);
  LogEvent& number(std::string key, std::uint64_t value);

  void info() const { log(spdlog::level::info); }
  void warn() const { log(spdlog::level::warn); }
  void error() const { log(spdlog::level::err); }
  void log(spdlog::level::level_enum level) const;

  const std::string& words() const { return words_; }
  const std::vector<LogField>& fields() const { return fields_; }
  std::string line() const;

  // The event that this thread is logging, for formatters: null for a line without fields, such as
  // spdlog's functions make.
  static const LogEvent* current();

 private:
  std::string words_;
  std::vector<LogField> fields_;
};

}  // namespace tracelink
