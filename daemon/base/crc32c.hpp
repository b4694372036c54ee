#pragma once

#include <cstdint>
#include <string_view>

namespace tracelink {

// CRC-32C (Castagnoli polynomial, RFC 3720 appendix B.4) of the bytes that gave `crc`, followed by
// `data`; start with 0. Uses the CPU's instruction where there is one. Threads: any.
std::uint32_t crc32c(std::uint32_t crc, std::string_view data);

// The table implementation alone, for CPUs without the instruction; same results.
std::uint32_t crc32c_portable(std::uint32_t crc, std::string_view data);

}  // namespace tracelink
