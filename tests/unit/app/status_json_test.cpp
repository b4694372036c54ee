#include "daemon/app/status_json.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using nlohmann::ordered_json;

// Texts that an application chose, or that the server answered, have the word "private" in them.
ordered_json whole_status() {
  return ordered_json::parse(R"({
    "version": "1.0", "pid": 42, "uptime_s": 5,
    "model": {"state": "failed", "id": "m-1", "name": "agent", "requested_name": "agent",
              "error": "private answer; correct it", "remedy": "correct it", "warnings": ["private"]},
    "models": [{"name": "private"}],
    "active": {"override": null, "services": {"private": {}}},
    "experiment": {"id": "7", "name": "support"},
    "server": {"uri": "http://h", "version": "3.18.0", "state": "up"},
    "queue": {"spans": 3},
    "held": [{"scope": "experiment private", "reason": "private", "remedy": "restore it",
              "since": "2026-01-02T03:04:05Z", "traces": 9},
             {"scope": "server", "reason": "private", "remedy": "", "since": "2026-01-02T03:04:05Z",
              "traces": 1}],
    "held_scopes": 2,
    "last_error": {"message": "private"},
    "something_new": "private"})");
}

TEST(SendersStatus, HasNumbersStatesAndRemediesAndNamesWhatIsLeftOut) {
  EXPECT_EQ(senders_view(whole_status()), ordered_json::parse(R"({
    "version": "1.0", "uptime_s": 5,
    "model": {"state": "failed", "id": "m-1", "name": "agent", "requested_name": "agent",
              "remedy": "correct it"},
    "experiment": {"id": "7", "name": "support"},
    "server": {"uri": "http://h", "version": "3.18.0", "state": "up"},
    "queue": {"spans": 3},
    "held": [{"scope": "experiment", "remedy": "restore it", "since": "2026-01-02T03:04:05Z",
              "traces": 9},
             {"scope": "server", "remedy": "", "since": "2026-01-02T03:04:05Z", "traces": 1}],
    "held_scopes": 2,
    "left_out": ["pid", "models", "active", "last_error", "something_new", "model.error",
                 "model.warnings", "held.reason"]})"));
}

TEST(SendersStatus, ShowsNoTextOfOthers) {
  EXPECT_EQ(senders_view(whole_status()).dump().find("private"), std::string::npos);
}

}  // namespace
}  // namespace tracelink
