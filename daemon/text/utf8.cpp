#include "daemon/text/utf8.hpp"

#include <cstdint>
#include <optional>

#include <simdjson.h>

#include "daemon/text/hex.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::size_t kEscapeBytes = 6;  // \uXXXX

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

bool is_continuation(std::uint8_t byte) { return (byte & 0xc0) == 0x80; }

// How many bytes a character has that starts with `lead`; 0 for no lead byte.
std::size_t sequence_bytes(std::uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

// The second byte decides about overlong forms and code points beyond U+10FFFF.
bool may_follow(std::uint8_t lead, std::uint8_t second) {
  if (lead == 0xe0) return second >= 0xa0 && second <= 0xbf;
  if (lead == 0xf0) return second >= 0x90 && second <= 0xbf;
  if (lead == 0xf4) return second >= 0x80 && second <= 0x8f;
  return is_continuation(second);
}

struct Part {
  std::size_t bytes = 0;
  bool well_formed = false;
};

// The character, or the ill-formed part, at the front of a text that is not empty.
Part front_part(std::string_view text) {
  const std::uint8_t lead = byte_at(text, 0);
  const std::size_t wanted = sequence_bytes(lead);
  if (wanted <= 1) return {1, wanted == 1};
  std::size_t have = 1;
  while (have < wanted && have < text.size()) {
    const std::uint8_t next = byte_at(text, have);
    if (have == 1 ? !may_follow(lead, next) : !is_continuation(next)) break;
    ++have;
  }
  const bool surrogate = have == 3 && lead == 0xed && byte_at(text, 1) >= 0xa0;
  return {have, have == wanted && !surrogate};
}

// The 16 bits of an escape \uXXXX at `at`; nothing where there is none.
std::optional<unsigned> escaped_unit(std::string_view json, std::size_t at) {
  if (json.size() < at + kEscapeBytes || json[at] != '\\' || json[at + 1] != 'u') {
    return std::nullopt;
  }
  const auto bytes = parse_hex(json.substr(at + 2, 4));
  if (!bytes) return std::nullopt;
  return static_cast<unsigned>(byte_at(*bytes, 0)) << 8 | byte_at(*bytes, 1);
}

bool is_high_half(unsigned unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool is_low_half(unsigned unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

}  // namespace

bool is_valid_utf8(std::string_view text) { return simdjson::validate_utf8(text); }

std::string_view cut_text(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  while (max_bytes > 0 && is_continuation(static_cast<std::uint8_t>(text[max_bytes]))) --max_bytes;
  return text.substr(0, max_bytes);
}

std::string with_valid_utf8(std::string_view text, std::size_t max_bytes, std::size_t& replaced) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty() && valid.size() <= max_bytes) {
    const Part part = front_part(text);
    valid += part.well_formed ? text.substr(0, part.bytes) : kReplacement;
    if (!part.well_formed) ++replaced;
    text.remove_prefix(part.bytes);
  }
  return valid;
}

std::size_t replace_lone_surrogates(std::string& json) {
  std::size_t replaced = 0;
  for (std::size_t at = json.find('\\'); at != std::string::npos; at = json.find('\\', at)) {
    const auto unit = escaped_unit(json, at);
    if (!unit) {
      at += 2;  // another escape, or none that a parser would take
      continue;
    }
    const auto second = is_high_half(*unit) ? escaped_unit(json, at + kEscapeBytes) : std::nullopt;
    if (second && is_low_half(*second)) {
      at += 2 * kEscapeBytes;
      continue;
    }
    if (is_high_half(*unit) || is_low_half(*unit)) {
      json.replace(at + 2, 4, "fffd");
      ++replaced;
    }
    at += kEscapeBytes;
  }
  return replaced;
}

std::size_t replace_nul_escapes(std::string& json) {
  std::size_t replaced = 0;
  for (std::size_t at = json.find('\\'); at != std::string::npos; at = json.find('\\', at)) {
    if (escaped_unit(json, at) == 0u) {
      json.replace(at + 2, 4, "fffd");
      ++replaced;
    }
    at += 2;  // behind it may stand another backslash
  }
  return replaced;
}

}  // namespace tracelink
