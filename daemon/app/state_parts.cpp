#include "daemon/app/state_parts.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include <sys/stat.h>

namespace tracelink {
namespace {

bool is_within(const std::filesystem::path& path, const std::filesystem::path& directory) {
  const std::string& inner = path.native();
  const std::string& outer = directory.native();
  if (!inner.starts_with(outer)) return false;
  return inner.size() == outer.size() || inner[outer.size()] == '/';
}

}  // namespace

StateParts::StateParts(const std::filesystem::path& state_dir, Look look) : look_(std::move(look)) {
  for (const char* name : {"queue", "models", "dead-letters"}) {
    parts_.push_back({.path = state_dir / name, .seen = std::nullopt});
  }
}

std::optional<StateParts::Identity> StateParts::identity_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Identity{.device = status.st_dev, .inode = status.st_ino};
}

std::vector<StateParts::Part> StateParts::snapshot() const {
  const MutexLock lock(mutex_);
  return parts_;
}

void StateParts::note() {
  const auto parts = snapshot();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].seen) continue;
    const auto seen = look_(parts[i].path);
    const MutexLock lock(mutex_);
    if (!parts_[i].seen) parts_[i].seen = seen;
  }
}

Result<void> StateParts::check(const Part& part) const {
  if (!part.seen || look_(part.path) == part.seen) return {};
  return Error{ErrorCode::io, part.path.string() + " was removed or replaced"};
}

Result<void> StateParts::check(const std::filesystem::path& path) const {
  std::optional<Part> holder;  // a copy: no lock is held over the look at the disk
  {
    const MutexLock lock(mutex_);
    const auto found =
        std::ranges::find_if(parts_, [&](const Part& part) { return is_within(path, part.path); });
    if (found != parts_.end()) holder = *found;
  }
  return holder ? check(*holder) : Result<void>();
}

// Not under the name that a start uses for a directory that it could not read.
void StateParts::tell(HeldFiles& held) {
  const auto parts = snapshot();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string name = parts[i].path.string() + "/";
    const auto intact = check(parts[i]);
    if (!intact) held.hold(StateFile::directory, name, intact.error());
    if (intact && parts[i].is_held) held.release(name);
    const MutexLock lock(mutex_);
    parts_[i].is_held = !intact;
  }
}

}  // namespace tracelink
