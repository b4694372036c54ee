#pragma once

#include <map>
#include <string>

#include "daemon/base/result.hpp"
#include "daemon/git/git_facts.hpp"
#include "daemon/git/origin.hpp"

namespace tracelink {

struct SourceFacts {
  GitFacts facts;
  std::string origin;  // the variable or the folder that told the commit; empty: nobody told
};

// The facts that `git` (the value of model.git: auto, off or a folder) names, as valid UTF-8.
// Errors: a folder that cannot be read as a work tree.
Result<SourceFacts> source_facts(const std::string& git,
                                 const std::map<std::string, std::string>& environment);

// Who and what registers models here, as valid UTF-8 without control characters.
Origin origin_of(const std::map<std::string, std::string>& environment, const std::string& cgroup);

}  // namespace tracelink
