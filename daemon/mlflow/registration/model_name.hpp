#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// The tag that keeps the asked name where the server's rules allow only another.
inline constexpr char kModelNameTag[] = "tracelink.model_name";

// Each character that open-source MLflow refuses in names (/ : . % " ') as '-'.
std::string portable_name(std::string_view name);
// For when another model already has the portable name: "-" and 8 hex digits of the name's SHA-256.
std::string distinct_portable_name(std::string_view name);

}  // namespace tracelink
