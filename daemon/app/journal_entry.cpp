#include "daemon/app/journal_entry.hpp"

#include <algorithm>

#include "daemon/text/visible_text.hpp"

namespace tracelink {
namespace {

constexpr char kBetweenFields = '\0';  // visible_text() leaves none

std::string field_name(const std::string& key) {
  std::string name = "TRACELINK_" + key;
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return name;
}

}  // namespace

std::string journal_entry(spdlog::level::level_enum level, std::string_view message,
                          const LogEvent* event) {
  std::string entry = "MESSAGE=" + visible_text(message);
  const auto add = [&](const std::string& name, const std::string& value) {
    entry += kBetweenFields + name + "=" + value;
  };
  add("PRIORITY", std::to_string(journal_priority(level)));
  add("SYSLOG_IDENTIFIER", "tracelinkd");
  if (event == nullptr) return entry;
  for (const LogField& field : event->fields()) {
    add(field_name(field.key), visible_text(field.value));
  }
  return entry;
}

std::vector<std::string_view> fields_of_entry(std::string_view entry) {
  if (entry.ends_with('\n')) entry.remove_suffix(1);  // of LogWriter's mark of a cut
  std::vector<std::string_view> fields;
  while (!entry.empty()) {
    const std::size_t end = std::min(entry.find(kBetweenFields), entry.size());
    fields.push_back(entry.substr(0, end));
    entry.remove_prefix(std::min(end + 1, entry.size()));
  }
  return fields;
}

int journal_priority(spdlog::level::level_enum level) {
  if (level >= spdlog::level::critical) return 2;
  if (level == spdlog::level::err) return 3;
  if (level == spdlog::level::warn) return 4;
  return level == spdlog::level::info ? 6 : 7;
}

}  // namespace tracelink
