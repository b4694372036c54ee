#include "daemon/git/work_tree.hpp"

#include <string_view>

#include "daemon/git/git_config.hpp"
#include "daemon/git/head.hpp"
#include "daemon/git/repository_url.hpp"
#include "daemon/git/small_file.hpp"

namespace tracelink {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kGitFile = "gitdir:";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Error invalid(std::string message) { return {ErrorCode::invalid, std::move(message)}; }

Error not_a_work_tree(const fs::path& tree) {
  if (!is_there(tree)) return invalid("the folder is not there, or this user may not enter it");
  if (is_there(tree / "HEAD") && is_there(tree / "objects")) {
    return invalid("is a repository without a work tree; name the folder that holds its .git");
  }
  for (fs::path parent = tree.parent_path(); parent != parent.parent_path();
       parent = parent.parent_path()) {
    if (is_there(parent / ".git")) {
      return invalid("holds no .git, but " + parent.string() + " does; name that folder");
    }
  }
  return invalid("holds no .git");
}

// What a `.git` file says: "gitdir: <path>", from the folder that it lies in.
Result<fs::path> directory_in(const fs::path& tree, std::string_view git_file) {
  if (!git_file.starts_with(kGitFile)) {
    return Error{ErrorCode::corrupt, ".git is a file without a gitdir: line"};
  }
  git_file.remove_prefix(kGitFile.size());
  git_file.remove_prefix(std::min(git_file.find_first_not_of(" \t"), git_file.size()));
  const fs::path directory = tree / git_file;
  if (is_there(directory)) return directory;
  return invalid(".git points to " + directory.string() +
                 ", which is not there; a linked work tree or submodule needs its repository");
}

Result<fs::path> git_directory(const fs::path& tree) {
  std::error_code ignored;
  if (fs::is_directory(tree / ".git", ignored)) return tree / ".git";
  auto git_file = read_small_file(tree / ".git");
  if (!git_file) return std::move(git_file).error();
  return *git_file ? directory_in(tree, **git_file) : not_a_work_tree(tree);
}

Result<GitDirectories> git_directories(const fs::path& tree) {
  auto own = git_directory(tree);
  if (!own) return std::move(own).error();
  auto common = read_small_file(*own / "commondir");
  if (!common) return std::move(common).error();
  return GitDirectories{*own, *common ? *own / **common : *own};
}

}  // namespace

Result<GitFacts> read_work_tree(const fs::path& tree) {
  const auto directories = git_directories(tree);
  if (!directories) return Error(directories.error()).within(tree.string());
  auto head = read_head(*directories);
  if (!head) return std::move(head).error().within(tree.string());

  GitFacts facts{std::move(head->commit), std::move(head->branch), {}};
  // Without its configuration a repository still has a commit.
  if (const auto config = read_small_file(directories->common / "config"); config && *config) {
    facts.repository_url = without_credentials(remote_url(parse_git_config(**config)));
  }
  return facts;
}

}  // namespace tracelink
