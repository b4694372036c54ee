#include "daemon/text/utc_time.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace tracelink {

namespace {

std::string format(WallTime at, const char* pattern) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at.time_since_epoch());
  const auto time = static_cast<std::time_t>(seconds.count());
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), pattern, &parts);
  return {text.data(), size};
}

}  // namespace

std::string utc_iso(WallTime at) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ",
                static_cast<int>((since - seconds).count()));
  return format(at, "%Y-%m-%dT%H:%M:%S") + fraction.data();
}

std::optional<WallTime> parse_utc_iso(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  int milliseconds = 0;
  int used = 0;
  if (std::sscanf(rest, ".%3dZ%n", &milliseconds, &used) != 1 || used != 5) {
    milliseconds = 0;
    used = *rest == 'Z' ? 1 : 0;
  }
  if (used == 0 || rest[used] != '\0' || milliseconds < 0) return std::nullopt;
  return WallTime(std::chrono::seconds(timegm(&parts))) + std::chrono::milliseconds(milliseconds);
}

std::string utc_compact(WallTime at) { return format(at, "%Y%m%dT%H%M%S"); }

std::string utc_day(WallTime at) { return format(at, "%Y-%m-%d"); }

}  // namespace tracelink
