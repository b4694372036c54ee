#include "daemon/report/log_throttle.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string_view>
#include <utility>

namespace tracelink {

namespace {

constexpr auto kMinute = std::chrono::minutes(1);
constexpr std::uint32_t kLinesOfAKind = 10;
constexpr std::size_t kMostSubjects = 1000;
constexpr std::size_t kMostKinds = 100;
constexpr char kOtherKinds[] = "other";

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

// "experiment" of "experiment 7": what peers may have invented is behind it.
std::string kind_of(const std::string& subject) { return subject.substr(0, subject.find(' ')); }

}  // namespace

std::optional<std::uint64_t> LogThrottle::due(const std::string& subject,
                                              const std::string& message) {
  std::string kind = without_numbers(message);
  const SteadyTime now = clock_.steady();
  forget_quiet_ones();
  const auto known = entries_.find(subject);
  const bool is_repeated = known != entries_.end() && known->second.message == kind;
  if (is_repeated) {
    ++known->second.count;
    if (now - known->second.logged_at < kMinute) return std::nullopt;
  }
  if (!admit(kind_of(subject))) return std::nullopt;
  if (is_repeated) {
    known->second.logged_at = now;
    return std::exchange(known->second.count, 0);
  }
  if (known == entries_.end() && entries_.size() >= kMostSubjects) forget_the_oldest();
  entries_.insert_or_assign(subject, Entry{std::move(kind), now, 0});
  return 1;
}

std::optional<std::uint64_t> LogThrottle::due(const std::string& message) {
  return due(without_numbers(message), message);
}

bool LogThrottle::admit(const std::string& kind) {
  const SteadyTime now = clock_.steady();
  const bool is_full = kinds_.size() >= kMostKinds && !kinds_.contains(kind);
  const auto [at, is_new] = kinds_.try_emplace(is_full ? kOtherKinds : kind);
  Budget& budget = at->second;
  if (is_new || now - budget.since >= kMinute) {
    budget.since = now;
    budget.lines = 0;
  }
  if (++budget.lines <= kLinesOfAKind) return true;
  ++budget.left_out;
  return false;
}

bool LogThrottle::clear(const std::string& subject) { return entries_.erase(subject) > 0; }

std::optional<LogThrottle::LeftOut> LogThrottle::take_left_out() {
  for (auto& [kind, budget] : kinds_) {
    if (budget.left_out == 0 || clock_.steady() - budget.since < kMinute) continue;
    return LeftOut{kind, std::exchange(budget.left_out, 0)};
  }
  return std::nullopt;
}

void LogThrottle::forget_quiet_ones() {
  const SteadyTime now = clock_.steady();
  if (swept_at_ && now - *swept_at_ < kMinute) return;
  swept_at_ = now;
  std::erase_if(entries_, [&](const auto& entry) {
    return now - entry.second.logged_at > std::chrono::hours(1);
  });
}

void LogThrottle::forget_the_oldest() {
  const auto is_older = [](const auto& a, const auto& b) {
    return a.second.logged_at < b.second.logged_at;
  };
  entries_.erase(std::ranges::min_element(entries_, is_older));
}

}  // namespace tracelink
