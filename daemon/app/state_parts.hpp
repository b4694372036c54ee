#pragma once

#include <cstdint>
#include <filesystem>
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
  explicit StateParts(const std::filesystem::path& state_dir);

  // What is there now, and was not seen before, is what has to be there from now on.
  void note();
  // `io`: the directory of `path` was removed or replaced. What lies elsewhere is none of its
  // business.
  Result<void> check(const std::filesystem::path& path) const;
  // Those that were removed or replaced are among the `held` files, and no others.
  void tell(HeldFiles& held);

 private:
  struct Identity {
    std::uint64_t device = 0, inode = 0;
    bool operator==(const Identity&) const = default;
  };
  struct Part {
    std::filesystem::path path;
    std::optional<Identity> seen;
    bool is_held = false;
  };
  static std::optional<Identity> identity_of(const std::filesystem::path& path);
  static Result<void> check(const Part& part);

  mutable Mutex mutex_;
  std::vector<Part> parts_ GUARDED_BY(mutex_);
};

}  // namespace tracelink
