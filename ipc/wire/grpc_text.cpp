#include "ipc/wire/grpc_text.hpp"

#include <cstdint>

#include "daemon/text/percent.hpp"

namespace tracelink {
namespace {

std::optional<std::chrono::nanoseconds> unit_length(char unit) {
  using namespace std::chrono_literals;
  switch (unit) {
    case 'H':
      return 1h;
    case 'M':
      return 1min;
    case 'S':
      return 1s;
    case 'm':
      return 1ms;
    case 'u':
      return 1us;
    case 'n':
      return 1ns;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_grpc_timeout(std::string_view text) {
  constexpr std::size_t kMaxDigits = 8;
  if (text.size() < 2 || text.size() > kMaxDigits + 1) return std::nullopt;
  const auto unit = unit_length(text.back());
  if (!unit) return std::nullopt;
  std::int64_t count = 0;
  for (const char digit : text.substr(0, text.size() - 1)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    count = count * 10 + (digit - '0');
  }
  // 99999999 hours do not fit into 64 bits of nanoseconds.
  constexpr std::int64_t kLongest = std::chrono::nanoseconds(std::chrono::hours(24 * 365)).count();
  if (count > kLongest / unit->count()) return std::chrono::nanoseconds(kLongest);
  return count * *unit;
}

std::string encode_grpc_message(std::string_view message) {
  std::string encoded;
  encoded.reserve(message.size());
  for (const char c : message) {
    if (c >= ' ' && c <= '~' && c != '%') {
      encoded.push_back(c);
    } else {
      append_percent(encoded, c);
    }
  }
  return encoded;
}

}  // namespace tracelink
