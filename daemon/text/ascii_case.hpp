#pragma once

#include <algorithm>
#include <string_view>

namespace tracelink {

// Of ASCII alone, whatever the locale: names in protocols know no other letters.
constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, ascii_lower, ascii_lower);
}

}  // namespace tracelink
