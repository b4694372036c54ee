#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tracelink {

// A control character of ASCII.
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// A text with one is no name, and cannot be part of a header or an address.
inline bool has_control(std::string_view text) { return std::ranges::any_of(text, is_control); }

// With a blank in the place of each: a server's text, as a part of a message.
inline std::string one_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(line, is_control, ' ');
  return line;
}

}  // namespace tracelink
