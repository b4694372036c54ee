#pragma once

#include <map>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink {

struct Expanded {
  std::string text;
  bool from_file = false;  // holds the content of a file: to be treated as a secret
  // The variables whose values it holds, as they are written, or empty. A secret may stand under a
  // wrong key by a slip, so that no error quotes them.
  std::string variables;
};

// Replaces ${NAME}, ${NAME:-default} and ${file:/path}; $${ stands for ${. What is put in is not
// expanded again. Errors: `invalid`, naming the variable or path, never a content.
Result<Expanded> expand(std::string_view text,
                        const std::map<std::string, std::string>& environment);

}  // namespace tracelink
