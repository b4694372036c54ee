#pragma once

#include <string>

namespace tracelink {

// Gives the memory of the text back: neither clear() nor an empty string assigned to it does.
inline void release(std::string& text) { std::string().swap(text); }

}  // namespace tracelink
