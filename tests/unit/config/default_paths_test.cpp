#include "config/default_paths.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

struct Case {
  std::map<std::string, std::string> environment;
  bool is_root;
  std::string runtime_dir, state_dir;
};

TEST(DefaultPaths, FollowUserAndEnvironment) {
  const Case cases[] = {
      {{{"HOME", "/root"}, {"XDG_RUNTIME_DIR", "/run/user/0"}},
       true,
       "/run/tracelink",
       "/var/lib/tracelink"},
      {{{"RUNTIME_DIRECTORY", "/run/a:/run/b"}, {"STATE_DIRECTORY", "/var/lib/a"}},
       false,
       "/run/a",
       "/var/lib/a"},
      {{{"STATE_DIRECTORY", "/var/lib/a"}}, false, "/run/tracelink", "/var/lib/a"},
      {{{"RUNTIME_DIRECTORY", "/run/a"}}, false, "/run/a", "/var/lib/tracelink"},
      {{{"XDG_RUNTIME_DIR", "/run/user/7"}, {"XDG_STATE_HOME", "/s"}, {"HOME", "/h"}},
       false,
       "/run/user/7/tracelink",
       "/s/tracelink"},
      {{{"HOME", "/h"}}, false, "/tmp/tracelink-7", "/h/.local/state/tracelink"},
      {{{"XDG_RUNTIME_DIR", "run"}, {"XDG_STATE_HOME", "./s"}, {"HOME", "/h"}},
       false,
       "/tmp/tracelink-7",
       "/h/.local/state/tracelink"},
      {{{"HOME", "h"}}, false, "/tmp/tracelink-7", ""},
      {{}, false, "/tmp/tracelink-7", ""},
  };
  for (const Case& c : cases) {
    const DefaultPaths paths = default_paths(c.environment, c.is_root, 7);
    EXPECT_EQ(paths.runtime_dir, c.runtime_dir);
    EXPECT_EQ(paths.state_dir, c.state_dir);
  }
}

}  // namespace
}  // namespace tracelink
