#include "daemon/cli/top_text.hpp"

#include <algorithm>
#include <string_view>

#include <spdlog/fmt/fmt.h>

#include "daemon/cli/output.hpp"

namespace tracelink::cli {
namespace {

using nlohmann::json;

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0u) != 0x80u; }

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

}  // namespace

std::string cut(const std::string& text, std::size_t columns) {
  if (columns_of(text) <= columns) return text;
  std::size_t at = 0;
  for (std::size_t shown = 0; at < text.size(); ++at) {
    if (begins_character(text[at]) && shown++ == columns) break;
  }
  return text.substr(0, at);
}

std::string padded(const std::string& text, std::size_t columns) {
  const std::string shown = cut(text, columns);
  return shown + std::string(columns - columns_of(shown), ' ');
}

Lines wrapped(const std::string& label, std::string text, std::size_t columns) {
  const std::size_t width = std::max<std::size_t>(columns, label.size() + 8) - label.size();
  Lines lines;
  while (!text.empty()) {
    std::string line = cut(text, width);
    if (line.size() < text.size() && text[line.size()] != ' ') {
      const std::size_t space = line.rfind(' ');
      if (space != std::string::npos && space > 0) line.resize(space);
    }
    text.erase(0, line.size());
    text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
    lines.push_back((lines.empty() ? label : std::string(label.size(), ' ')) + line);
  }
  return lines;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return "";
  return printable_text(found->get<std::string>());
}

std::optional<double> number(const json& status, const char* pointer) {
  const json::json_pointer at(pointer);
  if (!status.contains(at) || !status.at(at).is_number()) return std::nullopt;
  return status.at(at).get<double>();
}

std::string whole(std::optional<double> value) {
  return value ? fmt::format("{:.0f}", *value) : "unknown";
}

std::string duration_text(std::optional<double> value) {
  if (!value) return "unknown";
  if (*value < 120) return fmt::format("{:.1f} s", *value);
  if (*value < 7200) return fmt::format("{:.0f} min", *value / 60);
  if (*value < 172800) return fmt::format("{:.0f} h", *value / 3600);
  return fmt::format("{:.0f} d", *value / 86400);
}

std::string rate_text(std::optional<double> grown, double seconds) {
  if (!grown || seconds <= 0) return "-";
  return fmt::format("{:.1f}", *grown / seconds);
}

}  // namespace tracelink::cli
