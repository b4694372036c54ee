#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tracelink {

struct GitConfigEntry {
  std::string section;     // lower case
  std::string subsection;  // [section "subsection"]
  std::string key;         // lower case
  std::string value;
};

// The entries of a git configuration file, in order; what cannot be parsed is skipped to the end of
// its line. `include` is not followed.
std::vector<GitConfigEntry> parse_git_config(std::string_view text);

// The first URL of the remote `origin`, else that of the first remote that has one; "" without.
std::string remote_url(const std::vector<GitConfigEntry>& entries);

}  // namespace tracelink
