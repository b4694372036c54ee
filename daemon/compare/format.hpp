#pragma once

#include <string>

#include "daemon/compare/comparison.hpp"

// Figures as people read them, each in a few characters.
namespace tracelink::compare {

// "1.25 s", "3.1%", "12.3M"; "–" for nothing.
std::string value_text(std::optional<double> value, Unit unit);

// "+12.0%", of rates "+1.2pp" (percentage points), of scores and from 0 "+0.05"; "=" where there is
// none, and nothing for the baseline. A "*" follows what is more than chance.
std::string difference_text(const Cell& cell, Unit unit);

// How many columns of a terminal the text takes.
std::size_t columns_of(std::string_view text);
// As many of its characters as fit, the last one an ellipsis if not all do.
std::string fitted(std::string_view text, std::size_t columns);
std::string padded_left(std::string_view text, std::size_t columns);
std::string padded_right(std::string_view text, std::size_t columns);

}  // namespace tracelink::compare
