#include "config/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "daemon/text/ascii_case.hpp"
#include "daemon/text/blanks.hpp"
#include "daemon/text/control.hpp"
#include "daemon/text/hex.hpp"

namespace tracelink {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
// Largest first, for formatting.
constexpr std::array<Unit, 4> kSizeUnits{
    {{"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"", 1}}};
constexpr std::array<Unit, 4> kDurationUnits{
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

std::optional<std::uint64_t> parse_quantity(std::string_view text, const std::array<Unit, 4>& units,
                                            std::uint64_t maximum) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number(text.substr(0, digits));
  const auto unit = std::ranges::find(units, text.substr(digits), &Unit::name);
  if (!number || unit == units.end() || *number > maximum / unit->factor) return std::nullopt;
  return *number * unit->factor;
}

std::string format_quantity(std::uint64_t value, const std::array<Unit, 4>& units) {
  for (const Unit& unit : units) {
    if (value % unit.factor == 0) {
      return std::to_string(value / unit.factor).append(unit.name);
    }
  }
  return std::to_string(value);
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> parse_boolean(std::string_view text) {
  const std::string word = lower_case(std::string(text));
  if (word == "true" || word == "1") return true;
  if (word == "false" || word == "0") return false;
  return std::nullopt;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse_quantity(text, kSizeUnits, std::numeric_limits<std::int64_t>::max());
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::uint64_t kYear = 365ull * 24 * 3'600'000;  // deadlines must not overflow
  if (text == "0") return std::chrono::milliseconds(0);
  const auto value = parse_quantity(text, kDurationUnits, kYear);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(*value);
}

std::string format_size(std::uint64_t bytes) {
  return bytes == 0 ? "0" : format_quantity(bytes, kSizeUnits);
}

std::string format_duration(std::chrono::milliseconds duration) {
  if (duration.count() == 0) return "0s";
  return format_quantity(static_cast<std::uint64_t>(duration.count()), kDurationUnits);
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (is_control(c)) {
      result.append("\\x");
      append_hex(result, {&c, 1});
    } else {
      if (c == '"' || c == '\\') result += '\\';
      result += c;
    }
  }
  return result + '"';
}

bool has_control_characters(std::string_view text) {
  if (has_control(text)) return true;
  for (std::size_t at = text.find('\xc2'); at != text.npos; at = text.find('\xc2', at + 1)) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0) return true;
  }
  return text.find("\u2028") != text.npos || text.find("\u2029") != text.npos;
}

std::string_view without_end_breaks(std::string_view text) {
  return text.substr(0, text.find_last_not_of("\r\n") + 1);
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + separator.size());
  }
}

}  // namespace tracelink
