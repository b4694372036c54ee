#include "daemon/git/ci_variables.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "daemon/git/repository_url.hpp"
#include "daemon/text/ascii_case.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink {
namespace {

class Variables {
 public:
  explicit Variables(const std::map<std::string, std::string>& environment)
      : environment_(environment) {}

  std::string operator[](std::string_view name) const {
    const auto found = environment_.find(std::string(name));
    if (found == environment_.end()) return "";
    return std::string(without_blank_ends(found->second));
  }
  // The first one that is set.
  std::string first_of(std::string_view first, std::string_view second) const {
    std::string value = (*this)[first];
    return value.empty() ? (*this)[second] : value;
  }

 private:
  const std::map<std::string, std::string>& environment_;
};

// Lower-case hex of at least 8 digits, else "".
std::string commit_in(std::string text) {
  text = lower_case(std::move(text));
  const bool hex = text.find_first_not_of("0123456789abcdef") == text.npos;
  return hex && text.size() >= 8 && text.size() <= 64 ? text : "";
}

// A name, or a full ref: one outside refs/heads/ (a tag, a pull request) is no branch.
std::string branch_in(std::string_view ref) {
  constexpr std::string_view kBranches = "refs/heads/";
  if (ref.starts_with(kBranches)) return std::string(ref.substr(kBranches.size()));
  return ref.starts_with("refs/") || ref == "HEAD" ? "" : std::string(ref);
}

GitFacts jenkins(const Variables& variables) {
  constexpr std::string_view kRemote = "origin/";
  std::string branch = branch_in(variables["GIT_BRANCH"]);
  if (branch.starts_with(kRemote)) branch.erase(0, kRemote.size());
  return {{}, std::move(branch), variables["GIT_URL"]};
}

GitFacts github(const Variables& variables) {
  const bool tag = variables["GITHUB_REF_TYPE"] == "tag";
  const std::string repository = variables["GITHUB_REPOSITORY"];
  const std::string server = variables["GITHUB_SERVER_URL"];
  return {{},
          tag ? "" : branch_in(variables.first_of("GITHUB_REF", "GITHUB_REF_NAME")),
          server.empty() || repository.empty() ? "" : server + "/" + repository};
}

GitFacts gitlab(const Variables& variables) {
  const bool tag = !variables["CI_COMMIT_TAG"].empty();
  return {{},
          tag ? "" : branch_in(variables.first_of("CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME")),
          variables.first_of("CI_PROJECT_URL", "CI_REPOSITORY_URL")};
}

GitFacts azure(const Variables& variables) {
  return {{}, branch_in(variables["BUILD_SOURCEBRANCH"]), variables["BUILD_REPOSITORY_URI"]};
}

GitFacts docker_hub(const Variables& variables) {
  return {{}, branch_in(variables["SOURCE_BRANCH"]), {}};
}

struct CiSystem {
  std::string_view commit_variable;
  GitFacts (*branch_and_repository)(const Variables&);
};
// GIT_COMMIT first: it is Jenkins's, and the one that people set themselves.
constexpr std::array<CiSystem, 5> kSystems{{{"GIT_COMMIT", jenkins},
                                            {"GITHUB_SHA", github},
                                            {"CI_COMMIT_SHA", gitlab},
                                            {"BUILD_SOURCEVERSION", azure},
                                            {"SOURCE_COMMIT", docker_hub}}};

}  // namespace

CiFacts ci_facts(const std::map<std::string, std::string>& environment) {
  const Variables variables(environment);
  for (const CiSystem& system : kSystems) {
    std::string commit = commit_in(variables[system.commit_variable]);
    if (commit.empty()) continue;
    GitFacts facts = system.branch_and_repository(variables);
    facts.commit = std::move(commit);
    facts.repository_url = without_credentials(facts.repository_url);
    return {std::move(facts), std::string(system.commit_variable)};
  }
  return {};
}

}  // namespace tracelink
