#include "daemon/text/visible_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace tracelink {

namespace {

struct Character {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: not UTF-8
};

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The first character of a text that is not empty.
Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  char32_t code = lead & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[i])) return {};
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  }
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kSmallest[bytes] || code > 0x10ffff || is_surrogate) return {};
  return {code, bytes};
}

// Moves the cursor, ends the line or changes the direction of what follows.
bool is_control(char32_t code) {
  const bool ascii_or_c1 = code < 0x20 || (code >= 0x7f && code <= 0x9f);
  const bool separator = code == 0x2028 || code == 0x2029;
  const bool direction = code == 0x061c || code == 0x200e || code == 0x200f ||
                         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return ascii_or_c1 || separator || direction;
}

std::string hex(const char* format, std::uint32_t number) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), format, number);
  return text.data();
}

std::string escaped(char32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\r') return "\\r";
  if (code == '\t') return "\\t";
  return code < 0x80 ? hex("\\x%02x", code) : hex("\\u%04x", code);
}

// Writes `text` with control characters as escape(code) and each byte that is not UTF-8 as
// broken(byte).
template <class Escape, class Broken>
std::string rewritten(std::string_view text, Escape escape, Broken broken) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character next = first_character(text);
    if (next.bytes == 0) {
      out += broken(static_cast<unsigned char>(text.front()));
    } else if (is_control(next.code)) {
      out += escape(next.code);
    } else {
      out += text.substr(0, next.bytes);
    }
    text.remove_prefix(next.bytes == 0 ? 1 : next.bytes);
  }
  return out;
}

std::string broken_byte(unsigned char byte) { return hex("\\x%02x", byte); }

}  // namespace

std::string visible_text(std::string_view text) { return rewritten(text, escaped, broken_byte); }

std::string quoted_text(std::string_view text) {
  std::string marked;
  marked.reserve(text.size());
  for (const char c : text) {
    if (c == '"' || c == '\\') marked += '\\';
    marked += c;
  }
  return '"' + visible_text(marked) + '"';
}

std::string visible_lines(std::string_view text) {
  std::string out = visible_text(text.substr(0, text.find('\n')));
  while (text.find('\n') != std::string_view::npos) {
    text.remove_prefix(text.find('\n') + 1);
    const std::string_view line = text.substr(0, text.find('\n'));
    out += "\n" + std::string(line.empty() || line.starts_with(' ') ? "" : "  ");
    out += visible_text(line);
  }
  return out;
}

std::string visible_json(std::string_view json) {
  const auto escape = [](char32_t code) {
    return code == '\n' ? std::string("\n") : hex("\\u%04x", code);  // outside of strings: layout
  };
  return rewritten(json, escape, [](unsigned char) { return std::string("\xef\xbf\xbd"); });
}

}  // namespace tracelink
