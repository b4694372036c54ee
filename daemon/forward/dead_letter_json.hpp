#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/forward/dead_letter_store.hpp"

namespace tracelink {

// A letter's first line is shorter: the texts in it, which peers and servers wrote, are cut.
inline constexpr std::size_t kLongestFactsBytes = 64u << 10;

// The file's text: two lines that are one JSON object together. Spans that cannot be written as
// OTLP JSON are kept as `otlp_hex`, the hex digits of their protobuf bytes.
std::string write_dead_letter(const DeadLetter& letter);
// The JSON object of the facts alone. `text`: the beginning of the file, with the whole first line.
// Error: `corrupt`.
Result<std::string> dead_letter_facts(std::string_view text);
// The facts of a letter that cannot be read.
std::string unreadable_facts(const std::string& id, const std::string& reason);

}  // namespace tracelink
