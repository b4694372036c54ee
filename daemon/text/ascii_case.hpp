#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tracelink {

// Of ASCII alone, whatever the locale: names in protocols know no other letters.
constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr char ascii_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, ascii_lower, ascii_lower);
}

// `word` is in lower case.
constexpr bool contains_ignoring_case(std::string_view text, std::string_view word) {
  return word.empty() || !std::ranges::search(text, word, {}, ascii_lower).empty();
}

inline std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), ascii_lower);
  return text;
}

inline std::string upper_case(std::string text) {
  std::ranges::transform(text, text.begin(), ascii_upper);
  return text;
}

}  // namespace tracelink
