#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tracelink {

// Levenshtein: insertions, deletions and replacements that turn one text into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate that whoever wrote `found` most likely meant, or "" if none is similar.
std::string nearest_word(std::string_view found, std::span<const std::string_view> candidates);

// The same for dotted paths, where a right last part in the wrong section is similar too.
std::string nearest_path(std::string_view found, std::span<const std::string_view> candidates);

}  // namespace tracelink
