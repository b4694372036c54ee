#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

// What the lines of `tracelink top` are made of. A column holds one character, which may be several
// bytes.
namespace tracelink::cli {

using Lines = std::vector<std::string>;

// The first characters of the text.
std::string cut(const std::string& text, std::size_t columns);

// Exactly as wide as that.
std::string padded(const std::string& text, std::size_t columns);

// By words, after a label; words that are longer than a line are broken.
Lines wrapped(const std::string& label, std::string text, std::size_t columns);

// A member of the status as printable_text() has it; empty if it is absent or no text.
std::string text_of(const nlohmann::json& object, const char* key);

// Nothing if it is absent or null, as totals are that cannot be known.
std::optional<double> number(const nlohmann::json& status, const char* pointer);

std::string whole(std::optional<double> value);          // "12", "unknown"
std::string duration_text(std::optional<double> value);  // of seconds: "2.5 s", "3 min"

// A growth by the second; "-" where there is none.
std::string rate_text(std::optional<double> grown, double seconds);

}  // namespace tracelink::cli
