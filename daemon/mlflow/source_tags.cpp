#include "daemon/mlflow/source_tags.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kShortCommit = "git_commit";
constexpr std::string_view kPrefix = "mlflow.source.git.";
constexpr std::size_t kShortDigits = 8;

}  // namespace

std::map<std::string, std::string> source_tags(const GitFacts& facts) {
  std::map<std::string, std::string> tags;
  const auto add = [&](std::string key, std::string value) {
    if (!value.empty()) tags.emplace(std::move(key), std::move(value));
  };
  add(std::string(kShortCommit), facts.commit.substr(0, kShortDigits));
  add(std::string(kPrefix) + "commit", facts.commit);
  add(std::string(kPrefix) + "branch", facts.branch);
  add(std::string(kPrefix) + "repoURL", facts.repository_url);
  return tags;
}

bool is_source_tag(std::string_view key) { return key == kShortCommit || key.starts_with(kPrefix); }

}  // namespace tracelink
