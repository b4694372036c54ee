#pragma once

#include <cstddef>

namespace tracelink {

// What this thread has asked `operator new` for so far. A test binary that links
// allocated_bytes.cpp has its operators replaced.
std::size_t allocated_bytes();

}  // namespace tracelink
