#include "daemon/mlflow/registration/source_tags.hpp"

#include <utility>

namespace tracelink {
namespace {

constexpr std::string_view kShortCommit = "git_commit";
constexpr std::string_view kPrefix = "mlflow.source.git.";
constexpr std::string_view kSourceName = "mlflow.source.name";
constexpr std::size_t kShortDigits = 8;

using Tags = std::map<std::string, std::string>;

void add(Tags& tags, std::string_view key, std::string value) {
  if (!value.empty()) tags.emplace(key, std::move(value));
}

}  // namespace

std::map<std::string, std::string> source_tags(const GitFacts& facts) {
  Tags tags;
  add(tags, kShortCommit, facts.commit.substr(0, kShortDigits));
  add(tags, std::string(kPrefix) + "commit", facts.commit);
  add(tags, std::string(kPrefix) + "branch", facts.branch);
  add(tags, std::string(kPrefix) + "repoURL", facts.repository_url);
  return tags;
}

std::map<std::string, std::string> origin_tags(const Origin& origin) {
  Tags tags{{"mlflow.source.type", origin.is_job ? "JOB" : "LOCAL"}};
  add(tags, "mlflow.user", origin.user);
  add(tags, kSourceName, origin.place);
  return tags;
}

std::map<std::string, std::string> description_tags(const std::string& description,
                                                    const std::string& source_name) {
  Tags tags;
  add(tags, "mlflow.note.content", description);
  add(tags, kSourceName, source_name);
  return tags;
}

void name_source(std::map<std::string, std::string>& tags) {
  const auto repository = tags.find(std::string(kPrefix) + "repoURL");
  if (repository != tags.end()) tags.emplace(kSourceName, repository->second);
}

bool is_source_tag(std::string_view key) { return key == kShortCommit || key.starts_with(kPrefix); }

}  // namespace tracelink
