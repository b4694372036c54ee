#pragma once

#include <filesystem>

#include "daemon/base/result.hpp"
#include "daemon/git/git_facts.hpp"

namespace tracelink {

// Commit, branch and repository of a git work tree, read as files: no git is run, nothing of the
// repository's configuration is executed. `tree` is the folder that holds `.git`, which may be a
// file (linked work trees, submodules); folders above it are not searched, so that a copy without
// `.git` never gets the commit of something around it.
// Errors say what to do: `invalid` (no work tree, no commit), `corrupt`, `io`.
Result<GitFacts> read_work_tree(const std::filesystem::path& tree);

}  // namespace tracelink
