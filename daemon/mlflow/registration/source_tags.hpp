#pragma once

#include <map>
#include <string>
#include <string_view>

#include "daemon/git/git_facts.hpp"
#include "daemon/git/origin.hpp"

namespace tracelink {

// The facts as the tags of a LoggedModel: `git_commit`, the first 8 digits as MLflow's
// documentation writes it, and `mlflow.source.git.commit|branch|repoURL`. What is not known is left
// out.
std::map<std::string, std::string> source_tags(const GitFacts& facts);

// Who created a LoggedModel and where: `mlflow.user`, `mlflow.source.type`, `mlflow.source.name`.
std::map<std::string, std::string> origin_tags(const Origin& origin);

// What the operator says of a LoggedModel: `mlflow.note.content`, `mlflow.source.name`.
std::map<std::string, std::string> description_tags(const std::string& description,
                                                    const std::string& source_name);

// MLflow's page shows commit and branch only beside the name of a source: without one, the address
// of the repository becomes it.
void name_source(std::map<std::string, std::string>& tags);

// Whether a tag tells of the source, whoever wrote it: true for ever, so never overwritten.
bool is_source_tag(std::string_view key);

}  // namespace tracelink
