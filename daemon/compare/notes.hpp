#pragma once

#include <string>
#include <vector>

#include "daemon/compare/comparison.hpp"

namespace tracelink::compare {

// What limits and gaps a reader of the figures should know of; a sentence each.
std::vector<std::string> notes_of(const Comparison& comparison);

}  // namespace tracelink::compare
