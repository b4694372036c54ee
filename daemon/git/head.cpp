#include "daemon/git/head.hpp"

#include <fstream>
#include <optional>
#include <string_view>

#include "daemon/git/small_file.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kBranches = "refs/heads/";
constexpr std::string_view kSymbolic = "ref:";
constexpr std::string_view kReftable =
    "refs/heads/.invalid";           // what its HEAD says to older readers
constexpr int kMaxSymbolicRefs = 5;  // as git

using Found = std::optional<std::string>;

Error corrupt(std::string message) { return {ErrorCode::corrupt, std::move(message)}; }
Error invalid(std::string message) { return {ErrorCode::invalid, std::move(message)}; }

bool is_object_id(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == text.npos;
}

// What git refuses in names; above all nothing that leaves the repository.
bool is_ref_name(std::string_view name) {
  return name.starts_with("refs/") && !name.ends_with('/') && name.find("/.") == name.npos &&
         name.find("..") == name.npos && name.find("//") == name.npos &&
         name.find_first_of(std::string_view("\0\n\r\\", 4)) == name.npos;
}

// refs/bisect, refs/worktree and refs/rewritten belong to one work tree, all others to all of them.
const std::filesystem::path& directory_of(const GitDirectories& directories,
                                          std::string_view name) {
  const bool own = name == "HEAD" || name.starts_with("refs/bisect/") ||
                   name.starts_with("refs/worktree/") || name.starts_with("refs/rewritten/");
  return own ? directories.own : directories.common;
}

Result<Found> find_packed(const std::filesystem::path& packed_refs, std::string_view name) {
  std::error_code missing;
  if (!std::filesystem::exists(packed_refs, missing)) return Found{};
  std::ifstream file(packed_refs, std::ios::binary);
  for (std::string line; std::getline(file, line);) {
    const auto space = line.find(' ');
    if (space == line.npos || std::string_view(line).substr(space + 1) != name) continue;
    return Found(line.substr(0, space));
  }
  if (file.is_open() && !file.bad()) return Found{};
  return Error{ErrorCode::io, packed_refs.string() + " cannot be read: may this user read it?"};
}

// A loose ref wins over a packed one. Packing writes packed-refs before it deletes the loose file,
// so this order misses neither.
Result<Found> find_ref(const GitDirectories& directories, const std::string& name) {
  const auto& directory = directory_of(directories, name);
  auto loose = read_small_file(directory / name);
  if (!loose || *loose || name == "HEAD") return loose;
  return find_packed(directories.common / "packed-refs", name);
}

Error without_commit(const std::string& name) {
  return name == "HEAD" ? corrupt("the repository has no HEAD")
                        : invalid(name + " has no commit yet");
}

}  // namespace

Result<Head> read_head(const GitDirectories& directories) {
  Head head;
  std::string name = "HEAD";
  for (int followed = 0; followed <= kMaxSymbolicRefs; ++followed) {
    auto value = find_ref(directories, name);
    if (!value) return std::move(value).error();
    if (!*value) return without_commit(name);
    std::string text = **std::move(value);
    if (is_object_id(text)) {
      head.commit = std::move(text);
      return head;
    }
    if (!text.starts_with(kSymbolic)) return corrupt(name + " holds neither a commit nor a ref");
    text.erase(0, text.find_first_not_of(" \t", kSymbolic.size()));
    if (text == kReftable) return invalid("its refs are a reftable, which is not read");
    if (!is_ref_name(text)) return corrupt(name + " points to what is no ref");
    name = std::move(text);
    if (followed == 0 && name.starts_with(kBranches)) head.branch = name.substr(kBranches.size());
  }
  return corrupt("HEAD goes through too many symbolic refs");
}

}  // namespace tracelink
