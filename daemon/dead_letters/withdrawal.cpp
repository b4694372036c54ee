#include "daemon/dead_letters/withdrawal.hpp"

#include <charconv>

namespace tracelink {

namespace {

constexpr std::string_view kReplaying = ".replaying-";
constexpr std::string_view kRemoving = ".removing-";

std::optional<Withdrawal> parse(std::string_view name, std::string_view mark,
                                Withdrawal::Kind kind) {
  const auto at = name.rfind(mark);
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  Withdrawal withdrawal{.id = std::string(name.substr(0, at)), .kind = kind};
  const std::string_view digits = name.substr(at + mark.size());
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, withdrawal.total);
  if (error != std::errc() || rest != end) return std::nullopt;
  return withdrawal;
}

}  // namespace

std::string file_name(const Withdrawal& withdrawal) {
  const bool replay = withdrawal.kind == Withdrawal::Kind::replay;
  return withdrawal.id + std::string(replay ? kReplaying : kRemoving) +
         std::to_string(withdrawal.total);
}

std::optional<Withdrawal> parse_withdrawal(std::string_view file_name) {
  if (auto replay = parse(file_name, kReplaying, Withdrawal::Kind::replay)) return replay;
  return parse(file_name, kRemoving, Withdrawal::Kind::removal);
}

}  // namespace tracelink
