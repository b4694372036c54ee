#include "daemon/git/origin.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

const std::string kUnit = "0::/system.slice/tracelinkd.service";

TEST(Origin, IsTheJobAndTheActorOfEachCiSystem) {
  const struct {
    std::map<std::string, std::string> environment;
    std::string job;
  } cases[] = {
      {{{"GITHUB_SERVER_URL", "https://example.org"},
        {"GITHUB_REPOSITORY", "team/app"},
        {"GITHUB_RUN_ID", "7"},
        {"GITHUB_ACTOR", "ada"}},
       "https://example.org/team/app/actions/runs/7"},
      {{{"CI_JOB_URL", "https://example.org/team/app/-/jobs/7"}, {"GITLAB_USER_LOGIN", "ada"}},
       "https://example.org/team/app/-/jobs/7"},
      {{{"BUILD_URL", "https://example.org/job/app/7/"}, {"BUILD_USER_ID", "ada"}},
       "https://example.org/job/app/7/"},
      {{{"SYSTEM_COLLECTIONURI", "https://example.org/team/"},
        {"SYSTEM_TEAMPROJECT", "app"},
        {"BUILD_BUILDID", "7"},
        {"BUILD_REQUESTEDFOR", "ada"}},
       "https://example.org/team/app/_build/results?buildId=7"},
      {{{"BUILDKITE_BUILD_URL", "https://example.org/team/app/builds/7"},
        {"BUILDKITE_BUILD_CREATOR", "ada"}},
       "https://example.org/team/app/builds/7"},
      {{{"CIRCLE_BUILD_URL", "https://example.org/app/7"}, {"CIRCLE_USERNAME", "ada"}},
       "https://example.org/app/7"},
  };
  for (auto [environment, job] : cases) {
    environment.emplace("USER", "runner");
    EXPECT_EQ(origin_in(environment, kUnit), (Origin{"ada", job, true}));
  }
}

TEST(Origin, ElsewhereIsTheUserAndTheUnit) {
  EXPECT_EQ(origin_in({{"USER", "tracelink"}}, kUnit),
            (Origin{"tracelink", "tracelinkd.service", false}));
  EXPECT_EQ(origin_in({{"LOGNAME", "ada"}}, "0::/user.slice/session-1.scope"),
            (Origin{"ada", "", false}));
}

TEST(Origin, OfAContainerIsItsHostName) {
  for (const char* sign : {"KUBERNETES_SERVICE_HOST", "container"}) {
    EXPECT_EQ(origin_in({{sign, "x"}, {"HOSTNAME", "agent-7"}}, "0::/"),
              (Origin{"", "agent-7", false}));
  }
  EXPECT_EQ(origin_in({{"HOSTNAME", "laptop"}}, ""), Origin{});
}

TEST(Origin, NeedsAllPartsOfTheAddressAndShowsNoCredentials) {
  EXPECT_EQ(origin_in({{"GITHUB_SERVER_URL", "https://example.org"}, {"GITHUB_RUN_ID", "7"}}, ""),
            Origin{});
  EXPECT_EQ(origin_in({{"BUILD_URL", "https://ada:secret@example.org/7"}}, "").place,
            "https://example.org/7");
}

}  // namespace
}  // namespace tracelink
