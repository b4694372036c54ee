#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// The text that OTLP/JSON has for numbers and strings. Each parser takes the whole text or nothing.

// Shortest text that reads back the same; NaN, Infinity and -Infinity in quotes.
void append_json_double(std::string& out, double value);
std::optional<double> parse_double(std::string_view text);

// Takes 1.0 and 1e3 too, as protobuf's JSON does, where the value is whole and in range.
std::optional<std::int64_t> parse_int64(std::string_view text);
std::optional<std::uint64_t> parse_uint64(std::string_view text);

// How large a JSON text is once it is parsed: counted by its brackets, braces, commas and colons,
// whether it is JSON or not.
struct JsonExtent {
  std::size_t values = 0;   // at least as many as there are
  std::size_t depth = 0;    // of arrays and objects inside one another
  std::size_t members = 0;  // of the object that has most, among those less than 500 levels deep
};
JsonExtent json_extent(std::string_view text);

// `text` is UTF-8; the result has the quotes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace tracelink
