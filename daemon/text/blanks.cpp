#include "daemon/text/blanks.hpp"

#include <algorithm>
#include <cstddef>

namespace tracelink {
namespace {

constexpr std::string_view kAscii = " \t\r\n\v\f";
// U+0085, U+00A0
constexpr std::string_view kOfTwoBytes[] = {"\xc2\x85", "\xc2\xa0"};
// U+3000, U+FEFF
constexpr std::string_view kOfThreeBytes[] = {"\xe3\x80\x80", "\xef\xbb\xbf"};

// U+2000 to U+200F, U+2028 to U+202F, U+205F to U+2064, U+2066 to U+2069: spaces, marks of
// direction and joiners.
bool is_of_general_punctuation(std::string_view three_bytes) {
  if (three_bytes[0] != '\xe2') return false;
  const auto second = static_cast<unsigned char>(three_bytes[1]);
  const auto third = static_cast<unsigned char>(three_bytes[2]);
  if (second == 0x80) return third <= 0x8f || (third >= 0xa8 && third <= 0xaf);
  return second == 0x81 && third >= 0x9f && third <= 0xa9 && third != 0xa5;
}

bool is_blank(std::string_view character) {
  if (character.size() == 1) return kAscii.find(character.front()) != std::string_view::npos;
  if (character.size() == 2) return std::ranges::count(kOfTwoBytes, character) != 0;
  return is_of_general_punctuation(character) || std::ranges::count(kOfThreeBytes, character) != 0;
}

std::size_t blank_at_begin(std::string_view text) {
  for (std::size_t size = 1; size <= 3 && size <= text.size(); ++size) {
    if (is_blank(text.substr(0, size))) return size;
  }
  return 0;
}

std::size_t blank_at_end(std::string_view text) {
  for (std::size_t size = 1; size <= 3 && size <= text.size(); ++size) {
    if (is_blank(text.substr(text.size() - size))) return size;
  }
  return 0;
}

}  // namespace

std::string_view without_blank_ends(std::string_view text) {
  while (const std::size_t size = blank_at_begin(text)) text.remove_prefix(size);
  while (const std::size_t size = blank_at_end(text)) text.remove_suffix(size);
  return text;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kAscii);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kAscii) - first + 1);
}

}  // namespace tracelink
