#pragma once

#include <string>

#include "daemon/compare/comparison.hpp"

namespace tracelink::compare {

// The comparison as lines of 80 columns at most: a legend, blocks of the baseline with three other
// versions each, what params and tags differ in, the errors, and what the marks mean. What servers
// chose is shown by visible_text().
std::string table_of(const Comparison& comparison);

}  // namespace tracelink::compare
