#include "daemon/compare/format.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace tracelink::compare {
namespace {

constexpr std::string_view kNothing = "–";

std::string short_number(double value) {
  if (std::abs(value) < 10'000)
    return fmt::format("{:.{}f}", value, value == std::floor(value) ? 0 : 1);
  constexpr std::array<std::pair<double, const char*>, 4> kUnits{
      {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}}};
  for (const auto& [size, name] : kUnits) {
    if (std::abs(value) >= size) return fmt::format("{:.1f}{}", value / size, name);
  }
  std::abort();
}

std::string duration(double ms) {
  constexpr double kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
  if (ms < 10) return fmt::format("{:.1f} ms", ms);
  if (ms < kSecond) return fmt::format("{:.0f} ms", ms);
  if (ms < kMinute) return fmt::format("{:.2f} s", ms / kSecond);
  if (ms < kHour) return fmt::format("{:.1f} min", ms / kMinute);
  return fmt::format("{:.1f} h", ms / kHour);
}

std::string dollars(double value) {
  return std::abs(value) < 1 ? fmt::format("${:.4f}", value) : "$" + short_number(value);
}

// Less than a hundredth is told, not rounded away.
std::string signed_percent(double percent, const char* unit) {
  if (std::abs(percent) >= 999.5) return fmt::format("{}999{}", percent > 0 ? ">+" : "<-", unit);
  return fmt::format("{:+.{}f}{}", percent, std::abs(percent) < 0.1 ? 2 : 1, unit);
}

std::string plain_difference(const Difference& difference, Unit unit) {
  constexpr double kPercent = 100;
  if (difference.difference == 0) return "=";
  if (unit == Unit::rate) return signed_percent(difference.difference * kPercent, "pp");
  if (unit == Unit::score) return fmt::format("{:+.2g}", difference.difference);
  if (difference.ratio) return signed_percent((*difference.ratio - 1) * kPercent, "%");
  return (difference.difference > 0 ? "+" : "") + short_number(difference.difference);
}

struct Character {
  std::size_t bytes, columns;
};

// East Asian wide ranges and emoji take two columns; combining marks are counted as one, which only
// makes a cell shorter than it could be.
std::size_t columns_of_code_point(std::uint32_t code) {
  const bool is_wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
                       (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
                       (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
                       (code >= 0x1f300 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd);
  return is_wide ? 2 : 1;
}

// The first of a text that is not empty and UTF-8.
Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const std::size_t bytes = std::min(length, text.size());
  std::uint32_t code = length == 1 ? lead : lead & (0x7fu >> length);
  for (std::size_t i = 1; i < bytes; ++i) {
    code = (code << 6) | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  return {bytes, columns_of_code_point(code)};
}

}  // namespace

std::string value_text(std::optional<double> value, Unit unit) {
  if (!value) return std::string(kNothing);
  switch (unit) {
    case Unit::rate:
      return fmt::format("{:.{}f}%", *value * 100, *value > 0 && *value < 0.001 ? 3 : 1);
    case Unit::milliseconds:
      return duration(*value);
    case Unit::dollars:
      return dollars(*value);
    case Unit::score:
      return fmt::format("{:.3g}", *value);
    case Unit::count:
    case Unit::tokens:
      return short_number(*value);
  }
  std::abort();
}

std::string difference_text(const Cell& cell, Unit unit) {
  if (!cell.to_baseline) return "";
  const auto& test = cell.to_baseline->test;
  return plain_difference(*cell.to_baseline, unit) + (test && test->is_significant() ? "*" : "");
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    columns += character.columns;
    text.remove_prefix(character.bytes);
  }
  return columns;
}

std::string fitted(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  std::size_t bytes = 0, used = 1;  // of the ellipsis
  while (true) {
    const Character character = first_character(text.substr(bytes));
    if (used + character.columns > columns) break;
    used += character.columns;
    bytes += character.bytes;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

std::string padded_left(std::string_view text, std::size_t columns) {
  const std::size_t used = columns_of(text);
  return std::string(used < columns ? columns - used : 0, ' ') + std::string(text);
}

std::string padded_right(std::string_view text, std::size_t columns) {
  const std::size_t used = columns_of(text);
  return std::string(text) + std::string(used < columns ? columns - used : 0, ' ');
}

}  // namespace tracelink::compare
