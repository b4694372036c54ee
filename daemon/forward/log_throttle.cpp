#include "daemon/forward/log_throttle.hpp"

#include <cctype>
#include <string_view>
#include <utility>

namespace tracelink {

namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

bool is_number(std::string_view word) {
  return word.find_first_of("0123456789") != std::string_view::npos;
}

// Each word with a digit in it as '#'.
std::string without_numbers(std::string_view message) {
  std::string text;
  for (std::size_t begin = 0; begin < message.size();) {
    std::size_t end = begin;
    while (end < message.size() && is_word(message[end])) ++end;
    const std::string_view word = message.substr(begin, end - begin);
    text += is_number(word) ? "#" : word;
    if (end < message.size()) text += message[end++];
    begin = end;
  }
  return text;
}

}  // namespace

std::optional<std::uint64_t> LogThrottle::due(const std::string& subject,
                                              const std::string& message) {
  std::string kind = without_numbers(message);
  const SteadyTime now = clock_.steady();
  forget_quiet_ones();
  auto [at, is_new] = entries_.try_emplace(subject);
  Entry& entry = at->second;
  if (is_new || entry.message != kind) entry = {std::move(kind), now - std::chrono::minutes(1), 0};
  ++entry.count;
  if (now - entry.logged_at < std::chrono::minutes(1)) return std::nullopt;
  entry.logged_at = now;
  return std::exchange(entry.count, 0);
}

std::optional<std::uint64_t> LogThrottle::due(const std::string& message) {
  return due(without_numbers(message), message);
}

bool LogThrottle::clear(const std::string& subject) { return entries_.erase(subject) > 0; }

void LogThrottle::forget_quiet_ones() {
  const SteadyTime now = clock_.steady();
  std::erase_if(entries_, [&](const auto& entry) {
    return now - entry.second.logged_at > std::chrono::hours(1);
  });
}

}  // namespace tracelink
