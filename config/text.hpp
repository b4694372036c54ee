#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tracelink {

// Reading and writing of the value texts of the configuration. Readers return nothing for anything
// that is not wholly of their form, or does not fit.
std::optional<std::uint64_t> parse_number(std::string_view text);  // decimal digits only
std::optional<bool> parse_boolean(std::string_view text);          // true false 1 0, any case
std::optional<std::uint64_t> parse_size(std::string_view text);    // bytes, or with KiB MiB GiB
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);  // ms s m h, or 0

std::string format_size(std::uint64_t bytes);
std::string format_duration(std::chrono::milliseconds duration);

// In double quotes, with control characters escaped, so that it stays on its line.
std::string quoted(std::string_view text);
// C0, C1 and DEL, and Unicode's line and paragraph separators.
bool has_control_characters(std::string_view text);

std::string_view without_end_breaks(std::string_view text);

std::vector<std::string_view> split(std::string_view text, std::string_view separator);  // trimmed

}  // namespace tracelink
