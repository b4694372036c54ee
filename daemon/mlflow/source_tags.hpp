#pragma once

#include <map>
#include <string>
#include <string_view>

#include "daemon/git/git_facts.hpp"

namespace tracelink {

// The facts as the tags of a LoggedModel: `git_commit`, the first 8 digits as MLflow's
// documentation writes it, and `mlflow.source.git.commit|branch|repoURL`. What is not known is left
// out.
std::map<std::string, std::string> source_tags(const GitFacts& facts);

// Whether a tag tells of the source, whoever wrote it: true for ever, so never overwritten.
bool is_source_tag(std::string_view key);

}  // namespace tracelink
