#include "daemon/cli/status_text.hpp"

#include <set>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/text/utc_time.hpp"

namespace tracelink::cli {
namespace {

using nlohmann::json;

const WallTime kNow = *parse_utc_iso("2026-01-02T04:00:00Z");

json quiet_status() {
  return json::parse(R"({
    "version": "1.0", "pid": 42, "uptime_s": 7500.5,
    "model": {"state": "ready", "id": "m-1", "name": "agent-v1", "requested_name": "agent-v1",
              "error": null, "remedy": null, "warnings": []},
    "models": [{"state": "ready", "id": "m-1", "name": "agent-v1", "requested_name": "agent-v1",
                "named_by": "operator", "traces": {"delivered": 12, "last_at": "2026-01-02T03:59:57Z"}}],
    "active": {"override": null, "services": {}},
    "experiment": {"id": "7", "name": "support"},
    "server": {"uri": "http://h", "version": "3.18.0", "state": "up"},
    "queue": {"spans": 0, "traces": 0, "bytes": 0, "oldest_age_s": 0, "full": false},
    "spans": {"accepted": 36, "delivered": 36, "queued": 0, "dead_lettered": 0, "duplicate": 0,
              "damaged": 0, "dropped": {"policy": 0, "age": 0}},
    "rejected_spans": {}, "quarantine": {"files": 0, "bytes": 0}, "held": [], "held_scopes": 0,
    "waiting_for_root": {"traces": 0}, "relinks": [], "last_error": null,
    "last_request_at": "2026-01-02T03:59:55Z", "last_delivery_at": "2026-01-02T03:59:57Z",
    "sockets": {"intake": "/run/t.sock", "from_systemd": true, "tcp": null, "control": "/run/c.sock",
                "http": "127.0.0.1:9464"},
    "state_dir": "/var/lib/t", "config_file": "/etc/t.yaml", "notices": []})");
}

TEST(StatusText, OfAQuietDaemonIsShort) {
  EXPECT_EQ(
      status_text(quiet_status(), {}, kNow),
      "tracelinkd 1.0, pid 42, up 2 h 5 min\n"
      "\n"
      "Models\n"
      "  configured      ready  agent-v1  m-1\n"
      "                  12 traces delivered since the start, the last 3 s ago, at "
      "2026-01-02T03:59:57Z\n"
      "\n"
      "Delivery\n"
      "  server          up  http://h  3.18.0\n"
      "  experiment      7  support\n"
      "  last request    5 s ago, at 2026-01-02T03:59:55Z\n"
      "  last delivery   3 s ago, at 2026-01-02T03:59:57Z\n"
      "\n"
      "Queue\n"
      "  queued          0 spans in 0 records, 0 bytes\n"
      "  spans           accepted 36 = delivered 36 + queued 0 + dead-lettered 0 + duplicate 0 + "
      "dropped 0 + damaged 0\n"
      "\n"
      "Places\n"
      "  intake          /run/t.sock, of systemd\n"
      "  control         /run/c.sock\n"
      "  http            127.0.0.1:9464\n"
      "  state           /var/lib/t\n"
      "  configuration   /etc/t.yaml\n");
}

// What the text has beside that of the quiet daemon.
std::string news_of(const json& changes) {
  json status = quiet_status();
  status.update(changes);
  std::istringstream quiet(status_text(quiet_status(), {}, kNow));
  std::multiset<std::string> known;
  for (std::string line; std::getline(quiet, line);) known.insert(line);
  std::istringstream changed(status_text(status, {}, kNow));
  std::string news;
  for (std::string line; std::getline(changed, line);) {
    if (!known.contains(line)) news += line + "\n";
  }
  return news;
}

TEST(StatusText, HasEachModelInUse) {
  EXPECT_EQ(news_of(json::parse(R"({
    "active": {"override": null, "services": {"checkout": {"state": "unresolved", "id": "", "name": "",
               "requested_name": "agent-v2", "error": "no answer; wait", "set_at": "2026-01-02T03:00:00Z"}}},
    "models": [{"state": "unresolved", "id": "", "name": "", "requested_name": "agent-v2", "named_by": "operator",
                "traces": {"delivered": 0, "last_at": null}},
               {"state": "failed", "id": "m-3", "name": "other", "requested_name": "other", "error": "gone",
                "named_by": "traces", "traces": {"delivered": 1, "last_at": "2026-01-02T03:00:00Z"}}]})")),
            "  set for checkout unresolved  agent-v2\n"
            "                  no answer; wait\n"
            "                  set 1 h ago, at 2026-01-02T03:00:00Z\n"
            "  named by traces failed  other  m-3\n"
            "                  gone\n"
            "                  1 traces delivered since the start, the last 1 h ago, at "
            "2026-01-02T03:00:00Z\n");
}

TEST(StatusText, TellsWhatWaitsForItsRootAndUntilWhen) {
  EXPECT_EQ(
      news_of(json::parse(R"({"waiting_for_root": {"traces": 2, "first_at": "2026-01-02T04:05:00Z",
                                                         "last_at": "2026-01-02T04:09:59Z"}})")),
      "  without root    2 traces wait for their root\n"
      "                  the first is sent without it in 5 min, at 2026-01-02T04:05:00Z\n"
      "                  the last is sent without it in 9 min, at 2026-01-02T04:09:59Z\n");
}

TEST(StatusText, TellsWhatIsHeldAndWhatToDo) {
  EXPECT_EQ(news_of(json::parse(R"({
    "held": [{"scope": "experiment 9", "reason": "deleted", "remedy": "restore it",
              "since": "2026-01-02T03:58:00Z", "traces": 4},
             {"scope": "file /s/x", "reason": "cannot be read: EIO", "remedy": "",
              "since": "2026-01-02T03:58:00Z", "traces": null}],
    "held_scopes": 5})")),
            "Held\n"
            "  held            experiment 9: deleted\n"
            "                  restore it\n"
            "                  4 traces, since 2 min ago, at 2026-01-02T03:58:00Z\n"
            "  held            file /s/x: cannot be read: EIO\n"
            "                  since 2 min ago, at 2026-01-02T03:58:00Z\n"
            "  and more        4 scopes\n");
}

TEST(StatusText, AnErrorThatIsOverIsMarkedSo) {
  json error = json::parse(R"({"last_error": {"message": "server: down", "remedy": "start it",
                               "at": "2026-01-02T03:50:00Z", "over_at": null}})");
  EXPECT_EQ(news_of(error),
            "Last error\n"
            "  last error      server: down\n"
            "                  start it\n"
            "                  10 min ago, at 2026-01-02T03:50:00Z\n");
  error["last_error"]["over_at"] = "2026-01-02T03:55:00Z";
  EXPECT_EQ(news_of(error),
            "Last error\n"
            "  over            server: down\n"
            "                  10 min ago, at 2026-01-02T03:50:00Z\n"
            "                  works again since 5 min ago, at 2026-01-02T03:55:00Z\n");
}

TEST(StatusText, UnknownNumbersAreNotZero) {
  json status = quiet_status();
  status["queue"]["spans"] = nullptr;
  status["spans"]["accepted"] = nullptr;
  EXPECT_EQ(news_of(status),
            "  queued          unknown until the held files can be read\n"
            "  spans           unknown until the held files can be read\n");
}

TEST(StatusText, ASenderIsToldWhatIsLeftOut) {
  const json seen = json::parse(R"({
    "version": "1.0", "uptime_s": 5,
    "model": {"state": "failed", "id": "", "name": "", "requested_name": "agent", "remedy": "correct it"},
    "experiment": {"id": "", "name": ""}, "server": {"uri": "http://h", "version": "", "state": "down"},
    "queue": {"spans": 3, "traces": 1, "bytes": 1700, "oldest_age_s": 70, "full": true},
    "spans": {"accepted": 3, "delivered": 0, "queued": 3, "dead_lettered": 0, "duplicate": 0, "damaged": 0,
              "dropped": {}},
    "held": [{"scope": "experiment", "remedy": "", "since": "2026-01-02T03:58:00Z", "traces": 1}],
    "held_scopes": 1, "last_request_at": null, "last_delivery_at": null, "left_out": ["pid", "models"]})");
  EXPECT_EQ(
      status_text(seen, {}, kNow),
      "tracelinkd 1.0, up 5 s\n"
      "\n"
      "Models\n"
      "  configured      failed  agent\n"
      "                  correct it\n"
      "\n"
      "Delivery\n"
      "  server          down  http://h\n"
      "  experiment      -\n"
      "  last request    none since the start\n"
      "  last delivery   none since the start\n"
      "\n"
      "Queue\n"
      "  queued          3 spans in 1 records, 1.7 KiB, the oldest 1 min old\n"
      "  full            new spans wait or are refused\n"
      "  spans           accepted 3 = delivered 0 + queued 3 + dead-lettered 0 + duplicate 0 + "
      "dropped 0 + damaged 0\n"
      "\n"
      "Held\n"
      "  held            experiment\n"
      "                  1 traces, since 2 min ago, at 2026-01-02T03:58:00Z\n"
      "\n"
      "Left out\n"
      "  left out        pid, models\n"
      "                  only root and the daemon's user see these\n");
}

TEST(AgeText, HasTheUnitsOfPeople) {
  const std::vector<std::pair<double, std::string>> ages{{0, "0 s"},
                                                         {59.9, "59 s"},
                                                         {60, "1 min"},
                                                         {3599, "59 min"},
                                                         {3600, "1 h"},
                                                         {7500, "2 h 5 min"},
                                                         {172'799, "47 h 59 min"},
                                                         {172'800, "2 days"}};
  for (const auto& [seconds, text] : ages) EXPECT_EQ(age_text(seconds), text);
}

TEST(BytesText, HasOneDecimal) {
  EXPECT_EQ(bytes_text(1023), "1023 bytes");
  EXPECT_EQ(bytes_text(1024), "1.0 KiB");
  EXPECT_EQ(bytes_text(1700), "1.7 KiB");
  EXPECT_EQ(bytes_text(std::uint64_t{10} << 30), "10.0 GiB");
}

}  // namespace
}  // namespace tracelink::cli
