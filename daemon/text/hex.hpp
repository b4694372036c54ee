#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// The lower-case digit of the low four bits.
constexpr char hex_digit(unsigned value) { return "0123456789abcdef"[value & 15]; }

// Two lower-case digits for each byte.
void append_hex(std::string& out, std::string_view bytes);
std::string to_hex(std::string_view bytes);

// Takes either case; nothing if `text` is anything but whole bytes.
std::optional<std::string> parse_hex(std::string_view text);

}  // namespace tracelink
