#pragma once

#include <filesystem>
#include <string>

#include "daemon/base/result.hpp"

namespace tracelink {

// Where one work tree's repository keeps its files. They differ in linked work trees.
struct GitDirectories {
  std::filesystem::path own;     // HEAD
  std::filesystem::path common;  // branches, packed refs, config
};

struct Head {
  std::string commit;  // 40 or 64 lower-case hex digits
  std::string branch;  // empty when HEAD is detached
};

// Follows HEAD to its commit through symbolic, loose and packed refs. Errors: `invalid` without a
// commit, or with refs in a form that is not read (reftable); `corrupt`; `io`.
Result<Head> read_head(const GitDirectories& directories);

}  // namespace tracelink
