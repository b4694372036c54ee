#include "ipc/wire/base64.hpp"

#include <cstdint>

namespace tracelink {

std::string encode_base64(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (const char byte : bytes) {
    bits = (bits << 8) | static_cast<std::uint8_t>(byte);
    for (bit_count += 8; bit_count >= 6; bit_count -= 6) {
      text.push_back(kAlphabet[(bits >> (bit_count - 6)) & 63]);
    }
  }
  if (bit_count > 0) text.push_back(kAlphabet[(bits << (6 - bit_count)) & 63]);
  return text;
}

}  // namespace tracelink
