#include "daemon/text/json_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "daemon/text/hex.hpp"

namespace tracelink {
namespace {

template <class T>
std::optional<T> parse_whole_double(std::string_view text) {
  const auto number = parse_double(text);
  // 2^63 or 2^64: the first value beyond the range, exact as a double.
  const double limit = std::ldexp(1.0, std::numeric_limits<T>::digits);
  const double lowest = std::numeric_limits<T>::is_signed ? -limit : 0.0;
  if (!number || !(*number >= lowest && *number < limit)) return std::nullopt;
  if (std::trunc(*number) != *number) return std::nullopt;
  return static_cast<T>(*number);
}

template <class T>
std::optional<T> parse_integer(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (at == end && error == std::errc{}) return value;
  // Digits alone are an integer out of range, which a double would round into it.
  if (text.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
  return parse_whole_double<T>(text);
}

}  // namespace

void append_json_double(std::string& out, double value) {
  if (std::isnan(value)) {
    out.append("\"NaN\"");
  } else if (std::isinf(value)) {
    out.append(value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    out.append(text.data(), end);
  }
}

std::optional<double> parse_double(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits.front() < '0' || digits.front() > '9') return std::nullopt;
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (at != end || error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_int64(std::string_view text) {
  return parse_integer<std::int64_t>(text);
}

std::optional<std::uint64_t> parse_uint64(std::string_view text) {
  return parse_integer<std::uint64_t>(text);
}

JsonExtent json_extent(std::string_view text) {
  JsonExtent extent;
  std::array<std::size_t, 501> members{};  // of what is open at each depth
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      in_string = !in_string;
    } else if (in_string) {
      if (c == '\\') ++i;
    } else if (c == '[' || c == '{') {
      ++extent.values;
      extent.depth = std::max(extent.depth, ++depth);
      if (depth < members.size()) members[depth] = 0;
    } else if (c == ',') {
      ++extent.values;
    } else if (c == ':') {
      ++extent.values;
      if (depth < members.size()) extent.members = std::max(extent.members, ++members[depth]);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return extent;
}

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<std::uint8_t>(c) < 0x20) {
      out.append("\\u00");
      append_hex(out, {&c, 1});
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace tracelink
