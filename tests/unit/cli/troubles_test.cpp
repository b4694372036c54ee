#include "daemon/cli/troubles.hpp"

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

using Lines = std::vector<std::string>;

nlohmann::json status_of(const char* model, const char* server) {
  return {{"model", {{"state", model}, {"error", "no such model"}}},
          {"server", {{"state", server}, {"uri", "http://h"}}},
          {"held", nlohmann::json::array()}};
}

TEST(Troubles, NobodyIsNeededWhileAllIsWell) {
  EXPECT_EQ(troubles_of(status_of("ready", "up")), Lines{});
  EXPECT_EQ(troubles_of(status_of("unresolved", "none")), Lines{});
}

TEST(Troubles, NamesWhatNeedsAnOperator) {
  EXPECT_EQ(troubles_of(status_of("failed", "up")), Lines{"model: no such model"});
  EXPECT_EQ(troubles_of(status_of("ready", "down")), Lines{"server: http://h is down"});
  EXPECT_EQ(troubles_of(status_of("ready", "refusing")), Lines{"server: http://h refuses"});
}

TEST(Troubles, AQueueThatTakesNothingNeedsAnOperator) {
  auto status = status_of("ready", "up");
  status["queue"] = {{"full", true}, {"writable", false}};
  EXPECT_EQ(troubles_of(status), (Lines{"queue: cannot be written (check the disk of state_dir)",
                                        "queue: full, new spans wait or are refused (see what is "
                                        "held and why, or raise queue.max_bytes)"}));
  status["queue"] = {{"full", false}, {"writable", true}};
  EXPECT_EQ(troubles_of(status), Lines{});
}

TEST(Troubles, WhatIsHeldIsNamedWithItsRemedyAndWhatNeedsTimeOnlyIsNot) {
  auto status = status_of("ready", "up");
  status["held"] = {{{"scope", "experiment 7"}, {"reason", "deleted"}, {"remedy", "restore it"}},
                    {{"scope", "server"}, {"reason", "no answer"}, {"remedy", ""}}};
  EXPECT_EQ(troubles_of(status), Lines{"experiment 7: deleted (restore it)"});
}

TEST(Troubles, WhatSendersSeeOfAStatusHasRemediesAlone) {
  auto status = status_of("failed", "up");
  status["model"] = {{"state", "failed"}, {"remedy", "correct model.id"}};
  status["held"] = {{{"scope", "experiment"}, {"remedy", "restore it"}, {"traces", 3}}};
  EXPECT_EQ(troubles_of(status),
            (Lines{"model: correct model.id", "experiment is held (restore it)"}));
}

}  // namespace
}  // namespace tracelink::cli
