#pragma once

#include <cstddef>
#include <string>

namespace tracelink {

// How many parts of a JSON text were replaced by U+FFFD.
struct RepairedJson {
  std::size_t utf8 = 0;        // ill-formed UTF-8
  std::size_t surrogates = 0;  // escapes of half a surrogate pair
};

// Mends in place what a parser would refuse the whole document for: removes a byte order mark, and
// replaces what no Unicode text has. The text may grow; work stops behind the part that passes
// max_bytes, so a longer text means that the limit was passed. Threads: any.
RepairedJson repair_json(std::string& json, std::size_t max_bytes);

}  // namespace tracelink
