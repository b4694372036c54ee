#include "daemon/cli/top_screen.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

using nlohmann::json;
using Lines = std::vector<std::string>;

json model(const std::string& name, const std::string& state) {
  return {
      {"state", state}, {"id", "m-1"}, {"name", ""}, {"requested_name", name}, {"error", nullptr}};
}

json held(const std::string& scope, const std::string& reason, const std::string& remedy) {
  return {{"scope", scope},
          {"reason", reason},
          {"remedy", remedy},
          {"since", "2026-11-23T11:54:31.043Z"},
          {"traces", 12}};
}

class TopScreenTest : public testing::Test {
 protected:
  TopScreenTest() {
    view.now = {
        {"version", "0.1.0"},
        {"uptime_s", 30.0},
        {"model", model("agent-v1", "ready")},
        {"models", {model("agent-v1", "ready"), model("agent-v2", "failed")}},
        {"active", {{"override", nullptr}, {"services", json::object()}}},
        {"server", {{"state", "up"}, {"uri", "http://h:5000"}, {"version", "3.18.0"}}},
        {"queue",
         {{"spans", 1200}, {"disk_bytes", 3145728}, {"oldest_age_s", 3.25}, {"full", false}}},
        {"spans", {{"accepted", 1000}, {"delivered", 900}}},
        {"delivery",
         {{"traces", 95},
          {"failures", 7},
          {"lag_s", {{"sum", 50.0}, {"count", 20}}},
          {"models",
           {{{"model", "agent-v1"}, {"traces", 90}, {"failures", 7}},
            {{"model", "none"}, {"traces", 5}, {"failures", 0}}}}}},
        {"held", json::array()},
        {"waiting_for_root", {{"traces", 4}}}};
  }
  // Two seconds before.
  void look_before(std::uint64_t accepted, std::uint64_t delivered) {
    view.before = view.now;
    (*view.before)["spans"] = {{"accepted", accepted}, {"delivered", delivered}};
    (*view.before)["delivery"]["traces"] = 85;
    (*view.before)["delivery"]["failures"] = 6;
    (*view.before)["delivery"]["lag_s"] = {{"sum", 40.0}, {"count", 16}};
    (*view.before)["delivery"]["models"][0]["traces"] = 80;
    view.seconds = 2;
  }
  Lines lines(ScreenSize size = {}) const { return top_screen(view, size).lines; }

  TopView view;
};

TEST_F(TopScreenTest, ShowsTheNumbersOfOneLook) {
  EXPECT_EQ(
      lines(),
      (Lines{"tracelink 0.1.0  up 30.0 s  works                 up/down: what is held  q: quit",
             "model     ready  agent-v1  m-1",
             "server    up  -/s traces  -/s failed  http://h:5000  MLflow 3.18.0",
             "queue     1200 spans, 3.0 MiB on disk, oldest 3.2 s",
             "spans     accepted -/s  delivered -/s  lag -",
             "waiting   4 traces for their root, 0 held", "",
             "MODELS                              state       traces/s  failed/s       traces",
             "agent-v1                            ready              -         -           90",
             "none                                -                  -         -            5",
             "agent-v2                            failed             -         -            0"}));
}

TEST_F(TopScreenTest, RatesAndLagAreOfTheTimeBetweenTwoLooks) {
  look_before(800, 890);
  const Lines shown = lines();
  EXPECT_EQ(shown[2], "server    up  5.0/s traces  0.5/s failed  http://h:5000  MLflow 3.18.0");
  EXPECT_EQ(shown[4], "spans     accepted 100.0/s  delivered 5.0/s  lag 2.5 s");
  EXPECT_EQ(shown[8],
            "agent-v1                            ready            5.0       0.0           90");
}

TEST_F(TopScreenTest, ADaemonThatBeganAgainHasNoRates) {
  look_before(5000, 890);
  EXPECT_EQ(lines()[4], "spans     accepted -/s  delivered 5.0/s  lag 2.5 s");
}

TEST_F(TopScreenTest, AnOlderDaemonWithoutTheseNumbersIsShownToo) {
  view.now.erase("delivery");
  view.now.erase("models");
  EXPECT_EQ(lines()[5], "waiting   4 traces for their root, 0 held");
}

TEST_F(TopScreenTest, TheSelectedScopeIsMarkedWithItsReasonAndRemedy) {
  view.now["held"] = {held("server", "401 Unauthorized", "set MLFLOW_TRACKING_TOKEN"),
                      held("experiment 7", "deleted", "")};
  view.selected = 1;
  const TopScreen screen = top_screen(view, {});
  const Lines part(screen.lines.begin() + 7, screen.lines.begin() + 13);
  EXPECT_EQ(part, (Lines{"HELD      traces  2 of 2", "       12  server", ">      12  experiment 7",
                         "  why     deleted", "  remedy  waiting is all there is to do",
                         "  since   2026-11-23T11:54:31.043Z"}));
  EXPECT_EQ(screen.highlighted, 9u);
}

TEST_F(TopScreenTest, WhatNeedsAnOperatorIsInTheTitle) {
  view.now["held"] = json::array({held("server", "401", "a token")});
  EXPECT_EQ(lines()[0].substr(0, 50), "tracelink 0.1.0  up 30.0 s  NEEDS ATTENTION (1)   ");
}

TEST_F(TopScreenTest, ALongRemedyIsWrappedAtWords) {
  view.now["held"] = json::array({held("server", "no", "first second third fourth fifth")});
  const Lines shown = lines({.columns = 30, .rows = 24});
  EXPECT_EQ(shown[10], "  remedy  first second third");
  EXPECT_EQ(shown[11], "          fourth fifth");
}

TEST_F(TopScreenTest, FitsEverySize) {
  look_before(800, 890);
  for (int n = 0; n < 100; ++n) {
    view.now["held"].push_back(
        held("link v" + std::to_string(n), std::string(300, 'w') + "é", std::string(2000, 'r')));
    view.now["models"].push_back(model("ü" + std::string(200, 'x'), "ready"));
    view.now["services"].push_back({{"service", std::string(100, 'y')}, {"spans", 1}});
  }
  for (const std::size_t rows : {1u, 5u, 10u, 24u, 200u}) {
    for (const std::size_t columns : {1u, 20u, 80u, 300u}) {
      for (view.selected = 0; view.selected < 100; view.selected += 33) {
        const TopScreen screen = top_screen(view, {.columns = columns, .rows = rows});
        EXPECT_LE(screen.lines.size(), rows);
        for (const std::string& line : screen.lines) {
          const auto characters = std::ranges::count_if(
              line, [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0u) != 0x80u; });
          EXPECT_LE(static_cast<std::size_t>(characters), columns) << line;
        }
        if (rows >= 24) {
          ASSERT_TRUE(screen.highlighted);
          EXPECT_TRUE(screen.lines.at(*screen.highlighted).starts_with(">"));
        }
      }
    }
  }
}

TEST_F(TopScreenTest, WhatDoesNotFitIsCounted) {
  view.now["models"] = json::array();
  view.now["delivery"]["models"] = json::array();
  for (int n = 0; n < 50; ++n) {
    view.now["models"].push_back(model("v" + std::to_string(n), "ready"));
  }
  EXPECT_EQ(lines().size(), 24u);
  EXPECT_EQ(lines().back(), "and 35 more");
}

TEST_F(TopScreenTest, ServicesStandBelowTheVersionsTheBusiestFirst) {
  look_before(800, 890);
  (*view.before)["services"] = {{{"service", "checkout"}, {"spans", 100}}};
  view.now["services"] = {{{"service", "checkout"}, {"spans", 130}},
                          {{"service", "new"}, {"spans", 200}}};
  const Lines shown = lines();
  const Lines part(shown.begin() + 11, shown.end());
  EXPECT_EQ(
      part,
      (Lines{"", "SERVICES                                                   spans/s        spans",
             "new                                                          100.0          200",
             "checkout                                                      15.0          130"}));
}

TEST_F(TopScreenTest, VersionsAndServicesShareTheRoom) {
  view.now["models"] = json::array();
  view.now["delivery"]["models"] = json::array();
  for (int n = 0; n < 50; ++n) {
    const std::string name = std::to_string(n);
    view.now["models"].push_back(model("v" + name, "ready"));
    view.now["services"].push_back({{"service", "s" + name}, {"spans", 1}});
  }
  const Lines shown = lines();
  EXPECT_EQ(shown.size(), 24u);
  EXPECT_EQ(shown[15], "and 43 more");
  EXPECT_EQ(shown.back(), "and 45 more");
}

TEST_F(TopScreenTest, TextsOfPeersCannotDriveTheTerminal) {
  view.now["models"][0]["requested_name"] = "a\x1b[2Jb\nc";
  view.now["active"]["services"]["s\x1b]0;x\a"] = model("v\x1b[H", "ready");
  view.now["services"] = {{{"service", "s\x1b[2J\n"}, {"spans", 1}}};
  view.now["held"] = json::array({held("link \x1b[31m", "\r\n\x1b", "\x1b[0m")});
  for (const std::string& line : lines()) {
    EXPECT_TRUE(std::ranges::none_of(line, [](char byte) { return byte >= 0 && byte < ' '; }))
        << line;
  }
}

TEST_F(TopScreenTest, ModelsSetAtRuntimeAreNamedWithTheirService) {
  view.now["active"]["services"]["support"] = model("agent-v3", "unresolved");
  EXPECT_EQ(lines()[6], "set       unresolved  agent-v3 for service support");
}

}  // namespace
}  // namespace tracelink::cli
