#pragma once

namespace tracelink {

// The project's version (CMakeLists.txt), as shown by --version, status and the User-Agent.
inline constexpr const char* kVersion = TRACELINK_VERSION;

}  // namespace tracelink
