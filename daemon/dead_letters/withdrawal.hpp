#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// What is being done to take a dead letter out again. Its file says so in its name, so that a crash
// in the middle is seen.
struct Withdrawal {
  enum class Kind { replay, removal };
  std::string id;
  Kind kind = Kind::replay;
  // The queue's, of all replayed or removed spans and changes, once this is counted.
  std::uint64_t total = 0;
  bool operator==(const Withdrawal&) const = default;
};

std::string file_name(const Withdrawal& withdrawal);
std::optional<Withdrawal> parse_withdrawal(std::string_view file_name);

}  // namespace tracelink
