#include "daemon/git/work_tree.hpp"

#include "tests/unit/git/git_fixture.hpp"

namespace tracelink {
namespace {

namespace fs = std::filesystem;

class WorkTree : public GitTest {};

TEST_F(WorkTree, TellsCommitBranchAndRepository) {
  make_repository("app");
  git("app", "remote add upstream https://example.org/other.git");
  git("app", "remote add origin https://ada:secret@example.org/app.git");
  git("app", "checkout -q -b feature/x");
  commit("app");
  EXPECT_EQ(facts("app"), (GitFacts{head("app"), "feature/x", "https://example.org/app.git"}));
}

TEST_F(WorkTree, TakesTheFirstRemoteWithoutOrigin) {
  make_repository("app");
  EXPECT_EQ(facts("app").repository_url, "");
  git("app", "remote add upstream git@example.org:team/app.git");
  git("app", "remote add fork git@example.org:ada/app.git");
  EXPECT_EQ(facts("app").repository_url, "git@example.org:team/app.git");
}

TEST_F(WorkTree, HasNoBranchOnADetachedHead) {
  make_repository("app");
  commit("app");
  git("app", "checkout -q --detach HEAD~1");
  EXPECT_EQ(facts("app"), (GitFacts{head("app"), "", ""}));
}

TEST_F(WorkTree, FollowsTheBranchOfALinkedWorkTree) {
  make_repository("app");
  git("app", "remote add origin https://example.org/app.git");
  git("app", "worktree add -q -b release ../linked");
  commit("linked");
  EXPECT_NE(head("linked"), head("app"));
  EXPECT_EQ(facts("linked"), (GitFacts{head("linked"), "release", "https://example.org/app.git"}));
  EXPECT_EQ(facts("app").commit, head("app"));
}

TEST_F(WorkTree, ReadsPackedRefs) {
  make_repository("app");
  git("app", "tag -a v1 -m v1");
  git("app", "branch main-other");
  git("app", "gc -q");
  git("app", "pack-refs --all --prune");
  ASSERT_FALSE(fs::exists(root_ / "app/.git/refs/heads/main"));
  EXPECT_EQ(facts("app"), (GitFacts{head("app"), "main", ""}));
}

TEST_F(WorkTree, PrefersALooseRefToAPackedOne) {
  make_repository("app");
  git("app", "pack-refs --all");
  commit("app");
  ASSERT_NE(git("app", "rev-parse HEAD~1"), head("app"));
  EXPECT_EQ(facts("app").commit, head("app"));
}

TEST_F(WorkTree, ReadsASubmodule) {
  make_repository("library");
  make_repository("app");
  git("app", "submodule --quiet add ../library parts/library");
  ASSERT_TRUE(fs::is_regular_file(root_ / "app/parts/library/.git"));
  EXPECT_EQ(facts("app/parts/library"),
            (GitFacts{head("library"), "main", (root_ / "library").string()}));
}

TEST_F(WorkTree, ReadsASha256Repository) {
  make_repository("app", "--object-format=sha256");
  ASSERT_EQ(head("app").size(), 64u);
  EXPECT_EQ(facts("app").commit, head("app"));
}

TEST_F(WorkTree, FollowsASymbolicBranchAndKeepsItsName) {
  make_repository("app");
  git("app", "symbolic-ref refs/heads/current refs/heads/main");
  git("app", "symbolic-ref HEAD refs/heads/current");
  EXPECT_EQ(facts("app"), (GitFacts{head("app"), "current", ""}));
}

TEST_F(WorkTree, ReadsARepositoryElsewhere) {
  make_repository("app", "--separate-git-dir=../store.git");
  EXPECT_EQ(facts("app").commit, head("app"));
}

TEST_F(WorkTree, RefusesWhatIsNoWorkTreeAndSaysWhatToName) {
  make_repository("app");
  fs::create_directories(root_ / "app/src/deep");
  fs::create_directories(root_ / "plain");
  git("", "init -q --bare bare.git");
  EXPECT_EQ(error("plain"), "ROOT/plain: holds no .git");
  EXPECT_EQ(error("missing"),
            "ROOT/missing: the folder is not there, or this user may not enter it");
  EXPECT_EQ(error("app/src/deep"),
            "ROOT/app/src/deep: holds no .git, but ROOT/app does; name that folder");
  for (const std::string folder : {"bare.git", "app/.git"}) {
    EXPECT_EQ(error(folder),
              "ROOT/" + folder +
                  ": is a repository without a work tree; name the folder that holds its .git");
  }
}

TEST_F(WorkTree, RefusesARepositoryWithoutACommit) {
  fs::create_directories(root_ / "app");
  git("app", "init -q");
  EXPECT_EQ(error("app"), "ROOT/app: refs/heads/main has no commit yet");
}

TEST_F(WorkTree, RefusesRefsThatItDoesNotRead) {
  make_repository("app");
  write("app/.git/HEAD", "ref: refs/heads/.invalid\n");  // as git writes it beside a reftable
  EXPECT_EQ(error("app"), "ROOT/app: its refs are a reftable, which is not read");
}

TEST_F(WorkTree, RefusesALinkedWorkTreeWithoutItsRepository) {
  make_repository("app");
  git("app", "worktree add -q -b release ../linked");
  fs::remove_all(root_ / "app");
  EXPECT_EQ(error("linked"),
            "ROOT/linked: .git points to ROOT/app/.git/worktrees/linked, which is not there; a "
            "linked work tree or submodule needs its repository");
}

TEST_F(WorkTree, RefusesDamagedFiles) {
  make_repository("app");
  const std::string good = git("app", "rev-parse HEAD");
  write("app/.git/HEAD", "");
  EXPECT_EQ(error("app"), "ROOT/app: HEAD holds neither a commit nor a ref");
  write("app/.git/HEAD", good.substr(1));
  EXPECT_EQ(error("app"), "ROOT/app: HEAD holds neither a commit nor a ref");
  write("app/.git/HEAD", std::string("ref: refs/heads/../../HEAD"));
  EXPECT_EQ(error("app"), "ROOT/app: HEAD points to what is no ref");
  write("app/.git/HEAD", std::string(2 << 20, 'a'));
  EXPECT_EQ(error("app"), "ROOT/app: ROOT/app/.git/HEAD is too large");
  write("app/.git/HEAD", "ref: refs/heads/main\n");
  write("app/.git/refs/heads/main", std::string(40, '\0'));
  EXPECT_EQ(error("app"), "ROOT/app: refs/heads/main holds neither a commit nor a ref");
  write("app/.git/refs/heads/main", "ref: refs/heads/main\n");
  EXPECT_EQ(error("app"), "ROOT/app: HEAD goes through too many symbolic refs");
  fs::remove(root_ / "app/.git/refs/heads/main");
  write("app/.git/packed-refs", "damaged\n" + good.substr(1) + " refs/heads/main\n");
  EXPECT_EQ(error("app"), "ROOT/app: refs/heads/main holds neither a commit nor a ref");
  fs::remove(root_ / "app/.git/HEAD");
  EXPECT_EQ(error("app"), "ROOT/app: the repository has no HEAD");
  fs::remove_all(root_ / "app/.git");
  write("app/.git", "no git file\n");
  EXPECT_EQ(error("app"), "ROOT/app: .git is a file without a gitdir: line");
}

TEST_F(WorkTree, TellsTheCommitWithoutAReadableConfiguration) {
  make_repository("app");
  const std::string commit = head("app");
  write("app/.git/config", "[remote \"origin\"\n\turl = https://example.org/app.git\n");
  EXPECT_EQ(facts("app"), (GitFacts{commit, "main", ""}));
  fs::remove(root_ / "app/.git/config");
  EXPECT_EQ(facts("app").branch, "main");
}

}  // namespace
}  // namespace tracelink
