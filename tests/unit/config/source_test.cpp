#include "tests/unit/config/load_fixture.hpp"

namespace tracelink {
namespace {

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";

class ConfigSource : public LoadTest {
 protected:
  void SetUp() override { env("MLFLOW_TRACKING_URI", "http://server"); }

  // A work tree as git lays it out; its path.
  std::string work_tree(const std::string& branch = "main") {
    const auto tree = directory_ / "app";
    std::filesystem::create_directories(tree / ".git/refs/heads");
    write("app/.git/HEAD", "ref: refs/heads/" + branch + "\n");
    write("app/.git/refs/heads/" + branch, kCommit + "\n");
    write("app/.git/config", "[remote \"origin\"]\n\turl = https://x:y@example.org/app\n");
    return tree.string();
  }
};

TEST_F(ConfigSource, ComesFromCiVariablesByDefault) {
  file("model: {name: agent}\n");
  EXPECT_EQ(load().config.model.git_facts, GitFacts{});
  env("GITHUB_SHA", kCommit);
  env("GITHUB_REF", "refs/heads/main");
  const LoadedConfig loaded = load();
  EXPECT_EQ(loaded.config.model.git_facts, (GitFacts{kCommit, "main", ""}));
  EXPECT_EQ(loaded.origins.at("model.git"), "default with GITHUB_SHA");
}

TEST_F(ConfigSource, ComesFromANamedWorkTreeOnly) {
  const std::string tree = work_tree();
  file("model: {name: agent, git: " + tree + "}\n");
  env("GIT_COMMIT", std::string(40, 'a'));
  const LoadedConfig loaded = load();
  EXPECT_EQ(loaded.config.model.git_facts, (GitFacts{kCommit, "main", "https://example.org/app"}));
  EXPECT_EQ(loaded.origins.at("model.git"), "file:1 with " + tree);
}

TEST_F(ConfigSource, CanBeOff) {
  file("model: {name: agent, git: off}\n");
  env("GIT_COMMIT", kCommit);
  EXPECT_EQ(load().config.model.git_facts, GitFacts{});
}

TEST_F(ConfigSource, IsTextThatCanBeSent) {
  file("model: {name: agent}\n");
  env("GIT_COMMIT", kCommit);
  env("GIT_BRANCH", "caf\xe9");
  env("GIT_URL", "https://example.org/a\nb");
  EXPECT_EQ(load().config.model.git_facts, (GitFacts{kCommit, "", ""}));
}

TEST_F(ConfigSource, GivesTheVersion) {
  file("model: {name: agent, version: git}\n");
  env("GITHUB_SHA", kCommit);
  LoadedConfig loaded = load();
  EXPECT_EQ(loaded.config.model.version, "git-01234567");
  EXPECT_EQ(loaded.origins.at("model.version"), "file:1 with GITHUB_SHA");

  env("TRACELINK_MODEL__GIT", work_tree());
  env("GITHUB_SHA", std::string(40, 'a'));
  EXPECT_EQ(load().config.model.version, "git-01234567");
}

TEST_F(ConfigSource, IsNeededForVersionGit) {
  file("model: {name: agent, version: git}\n");
  EXPECT_EQ(errors(),
            "FILE:1:31: model.version: git asks for a commit, but none of GIT_COMMIT, GITHUB_SHA, "
            "CI_COMMIT_SHA, BUILD_SOURCEVERSION, SOURCE_COMMIT holds one; set GIT_COMMIT in the "
            "deployment, or model.git to the path of a work tree\n");
  env("GIT_COMMIT", kCommit);
  env("TRACELINK_MODEL__GIT", "off");
  EXPECT_EQ(errors(),
            "FILE:1:31: model.version: git asks for a commit, but model.git is off; set it to "
            "auto, or to the path of a work tree\n");
  env("TRACELINK_MODEL__GIT", "/no/such/folder");
  EXPECT_EQ(errors(),
            "TRACELINK_MODEL__GIT: model.git: /no/such/folder: the folder is not there, or this "
            "user may not enter it (model.version is git)\n");
}

TEST_F(ConfigSource, TellsWhoRegistersModelsAndWhere) {
  file("model: {name: agent}\n");
  context_.cgroup = "0::/system.slice/tracelinkd.service";
  env("USER", "tracelink");
  EXPECT_EQ(load().config.model.origin, (Origin{"tracelink", "tracelinkd.service", false}));
  env("CI_JOB_URL", "https://example.org/jobs/7");
  env("GITLAB_USER_LOGIN", "caf\xe9");
  EXPECT_EQ(load().config.model.origin, (Origin{"", "https://example.org/jobs/7", true}));
}

TEST_F(ConfigSource, MayBeDescribedInSeveralLines) {
  file("model:\n  name: agent\n  source: support\n  description: |\n    # Support\n    *all*\n");
  EXPECT_EQ(load().config.model.description, "# Support\n*all*");
  EXPECT_EQ(load().config.model.source, "support");
  file("model: {name: agent, description: \"a\\x1bb\"}\n");
  EXPECT_EQ(errors(), "FILE:1:35: model.description: holds a control character\n");
}

TEST_F(ConfigSource, IsNotNeededWhereNoModelIs) {
  file("model: {name: agent, version: git}\n");
  context_.model_required = false;
  EXPECT_EQ(errors(), "");
}

TEST_F(ConfigSource, ThatCannotBeReadIsAWarningElse) {
  file("model: {name: agent, git: /no/such/folder}\n");
  EXPECT_EQ(warnings(),
            "FILE:1:27: model.git: /no/such/folder: the folder is not there, or this user may not "
            "enter it; a new model gets no tags about its source\n");
}

}  // namespace
}  // namespace tracelink
