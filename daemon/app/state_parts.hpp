#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/base/held_files.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/base/result.hpp"

namespace tracelink {

// The directories in state_dir whose files say what was acknowledged, and what became of it. One
// that was replaced while the daemon runs (a mount hides it, say) says nothing about its files.
//
// Threads: any.
class StateParts {
 public:
  struct Identity {
    std::uint64_t device = 0, inode = 0;
    bool operator==(const Identity&) const = default;
  };
  // Nothing: it is not there. A disk may keep it waiting.
  using Look = std::function<std::optional<Identity>(const std::filesystem::path&)>;
  static std::optional<Identity> identity_of(const std::filesystem::path& path);

  explicit StateParts(const std::filesystem::path& state_dir, Look look = identity_of);

  // What is there now, and was not seen before, is what has to be there from now on.
  void note();
  // `io`: the directory of `path` was removed or replaced. What lies elsewhere is none of its
  // business.
  Result<void> check(const std::filesystem::path& path) const;
  // Those that were removed or replaced are among the `held` files, and no others.
  void tell(HeldFiles& held);

 private:
  struct Part {
    std::filesystem::path path;
    std::optional<Identity> seen;
    bool is_held = false;
  };
  // A copy: no lock is held over a look at the disk, so that one that hangs keeps nobody waiting
  // who asks for what lies on another.
  std::vector<Part> snapshot() const;
  Result<void> check(const Part& part) const;

  const Look look_;
  mutable Mutex mutex_;
  std::vector<Part> parts_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
