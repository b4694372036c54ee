#pragma once

#include <string>

#include "config/key_table.hpp"
#include "config/load.hpp"

namespace tracelink {

inline constexpr const char* kMasked = "********";

// Whether the value must not be shown; an empty secret may.
bool is_masked(const Key& key, const LoadedConfig& loaded);

// Where the value comes from: "default", a variable, or file and line.
std::string shown_origin(const Key& key, const LoadedConfig& loaded);

}  // namespace tracelink
