#pragma once

#include <algorithm>
#include <string_view>

namespace tracelink {

// A control character of ASCII: the text is no name, and cannot be part of a header or an address.
inline bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace tracelink
