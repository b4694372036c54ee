#include "daemon/git/ci_variables.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";

TEST(CiVariables, TellCommitBranchAndRepositoryOfEachSystem) {
  const std::string url = "https://example.org/team/app";
  const struct {
    std::map<std::string, std::string> environment;
    GitFacts facts;
  } cases[] = {
      {{{"GIT_COMMIT", kCommit},
        {"GIT_BRANCH", "origin/feature/x"},
        {"GIT_URL", "https://ada:secret@example.org/team/app"}},
       {kCommit, "feature/x", url}},
      {{{"GITHUB_SHA", kCommit},
        {"GITHUB_REF", "refs/heads/main"},
        {"GITHUB_REF_NAME", "main"},
        {"GITHUB_REF_TYPE", "branch"},
        {"GITHUB_SERVER_URL", "https://example.org"},
        {"GITHUB_REPOSITORY", "team/app"}},
       {kCommit, "main", url}},
      {{{"CI_COMMIT_SHA", kCommit},
        {"CI_COMMIT_BRANCH", "main"},
        {"CI_PROJECT_URL", url},
        {"CI_REPOSITORY_URL", "https://gitlab-ci-token:secret@example.org/team/app.git"}},
       {kCommit, "main", url}},
      {{{"BUILD_SOURCEVERSION", kCommit},
        {"BUILD_SOURCEBRANCH", "refs/heads/feature/x"},
        {"BUILD_REPOSITORY_URI", "https://team@example.org/team/app"}},
       {kCommit, "feature/x", url}},
      {{{"SOURCE_COMMIT", kCommit}, {"SOURCE_BRANCH", "main"}}, {kCommit, "main", ""}},
  };
  for (const auto& [environment, facts] : cases) EXPECT_EQ(ci_facts(environment).facts, facts);
}

TEST(CiVariables, TellNoBranchForTagsAndPullRequests) {
  const auto branch = [](std::map<std::string, std::string> environment) {
    environment.try_emplace("GITHUB_SHA", kCommit);
    return ci_facts(environment).facts.branch;
  };
  EXPECT_EQ(branch({{"GITHUB_REF", "refs/pull/7/merge"}, {"GITHUB_REF_NAME", "7/merge"}}), "");
  EXPECT_EQ(branch({{"GITHUB_REF_TYPE", "tag"}, {"GITHUB_REF_NAME", "v1"}}), "");
  EXPECT_EQ(branch({{"GITHUB_REF_NAME", "main"}}), "main");
  const auto gitlab = [](const std::string& variable) {
    return ci_facts({{"CI_COMMIT_SHA", kCommit}, {"CI_COMMIT_REF_NAME", "v1"}, {variable, "v1"}})
        .facts.branch;
  };
  EXPECT_EQ(gitlab("CI_COMMIT_TAG"), "");
  EXPECT_EQ(gitlab("CI_OTHER"), "v1");
}

TEST(CiVariables, AreThoseOfTheFirstSystemThatTellsACommit) {
  const CiFacts ci = ci_facts({{"GIT_COMMIT", "main"},
                               {"GIT_BRANCH", "jenkins"},
                               {"GITHUB_SHA", "0123456789ABCDEF0123456789ABCDEF01234567"},
                               {"CI_COMMIT_SHA", std::string(40, 'a')},
                               {"CI_COMMIT_BRANCH", "gitlab"}});
  EXPECT_EQ(ci.variable, "GITHUB_SHA");
  EXPECT_EQ(ci.facts, (GitFacts{kCommit, "", ""}));
}

TEST(CiVariables, MayEndWithALineBreak) {
  const CiFacts ci =
      ci_facts({{"GIT_COMMIT", std::string(kCommit) + "\r\n"}, {"GIT_BRANCH", "main\n"}});
  EXPECT_EQ(ci.facts, (GitFacts{kCommit, "main", ""}));
}

TEST(CiVariables, TellNothingWithoutACommit) {
  for (const auto& no_commit : {std::string(), std::string("0123456"), std::string(65, 'a'),
                                std::string("unknown!"), std::string("1234 5678")}) {
    const CiFacts ci = ci_facts({{"GIT_COMMIT", no_commit}, {"GIT_BRANCH", "main"}});
    EXPECT_EQ(ci.variable, "");
    EXPECT_EQ(ci.facts, GitFacts{});
  }
}

}  // namespace
}  // namespace tracelink
