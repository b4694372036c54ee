#pragma once

#include <string>

namespace tracelink {

// What is known of the source that a deployment was made from. An empty text is "not known", never
// a guess. Bytes as found: a branch name need not be UTF-8.
struct GitFacts {
  std::string commit;          // lower-case hex, at least 8 digits; full when read from a work tree
  std::string branch;          // without refs/heads/; empty on a detached HEAD
  std::string repository_url;  // as configured, less its credentials

  bool operator==(const GitFacts&) const = default;
};

}  // namespace tracelink
