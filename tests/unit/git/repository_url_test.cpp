#include "daemon/git/repository_url.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

struct Case {
  const char* configured;
  const char* told;
};

TEST(RepositoryUrl, KeepsAddressesAndDropsSecrets) {
  for (const auto& [configured, told] : {
           Case{"https://example.org/team/app.git", "https://example.org/team/app.git"},
           Case{"https://ada:secret@example.org/app.git", "https://example.org/app.git"},
           Case{"https://ghp_token@example.org/app", "https://example.org/app"},
           Case{"https://ada:p@ss@example.org:8443/app", "https://example.org:8443/app"},
           Case{"http://x:y@[::1]:3000/app", "http://[::1]:3000/app"},
           Case{"https://example.org/app?private_token=secret", "https://example.org/app"},
           Case{"https://example.org/app#secret", "https://example.org/app"},
           Case{"https://example.org/v@1/app", "https://example.org/v@1/app"},
           Case{"ssh://git@example.org:2222/app.git", "ssh://git@example.org:2222/app.git"},
           Case{"ssh://git:secret@example.org/app.git", "ssh://git@example.org/app.git"},
           Case{"git@example.org:team/app.git", "git@example.org:team/app.git"},
           Case{"git@example.org:team/app@v2.git", "git@example.org:team/app@v2.git"},
           Case{"example.org:team/app.git", "example.org:team/app.git"},
           Case{"oauth2:glpat-xxx@gitlab.com:org/x", "gitlab.com:org/x"},
           Case{"ada:p@ss@example.org:team/app.git", "example.org:team/app.git"},
           Case{"[::1]:team/app.git", "[::1]:team/app.git"},
           Case{"git@[::1]:team/app.git", "git@[::1]:team/app.git"},
           Case{"/srv/git/a:b@c.git", "/srv/git/a:b@c.git"},
           Case{"/srv/git/app.git", "/srv/git/app.git"},
           Case{"../library", "../library"},
           Case{"file:///srv/git/app.git", "file:///srv/git/app.git"},
           Case{"", ""},
       }) {
    EXPECT_EQ(without_credentials(configured), told);
  }
}

TEST(RepositoryUrl, TellsNothingWhenSecretsCannotBeToldApart) {
  for (const char* configured :
       {"https://ada:pa/ss@example.org/app.git", "https://example.org:port/app",
        "ada:secret@example.org/app.git", "ada:secret@example.org:team/app@v2", "ext::sh -c secret",
        "helper::https://ada:secret@example.org/app"}) {
    EXPECT_EQ(without_credentials(configured), "") << configured;
  }
}

}  // namespace
}  // namespace tracelink
