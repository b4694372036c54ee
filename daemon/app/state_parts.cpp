#include "daemon/app/state_parts.hpp"

#include <algorithm>
#include <string>

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

StateParts::StateParts(const std::filesystem::path& state_dir) {
  for (const char* name : {"queue", "models", "dead-letters"}) {
    parts_.push_back({.path = state_dir / name, .seen = std::nullopt});
  }
}

std::optional<StateParts::Identity> StateParts::identity_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Identity{.device = status.st_dev, .inode = status.st_ino};
}

void StateParts::note() {
  const MutexLock lock(mutex_);
  for (Part& part : parts_) {
    if (!part.seen) part.seen = identity_of(part.path);
  }
}

Result<void> StateParts::check(const Part& part) {
  if (!part.seen || identity_of(part.path) == part.seen) return {};
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
  const MutexLock lock(mutex_);
  for (Part& part : parts_) {
    const std::string name = part.path.string() + "/";
    const auto intact = check(part);
    if (!intact) held.hold(StateFile::directory, name, intact.error());
    if (intact && part.is_held) held.release(name);
    part.is_held = !intact;
  }
}

}  // namespace tracelink
