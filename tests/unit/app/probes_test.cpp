#include "daemon/app/probes.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

class ProbesTest : public testing::Test {
 protected:
  ProbesTest() {
    inputs.now = SteadyTime(std::chrono::hours(1));
    inputs.metrics.forward.stepped_at = inputs.now;
    inputs.serving = inputs.delivers = true;
    inputs.address = "127.0.0.1:9464";
    inputs.status = [] { return std::string("{\"now\": 1}"); };
    inputs.history = [] { return std::string("{\"then\": 1}"); };
  }
  int status(const std::string& target, const std::string& method = "GET") const {
    return handle_probe({method, target, ""}, inputs).status;
  }

  ProbeInputs inputs;
};

TEST_F(ProbesTest, AreGreenWhileTheDaemonWorks) {
  EXPECT_EQ(status("/healthz"), 200);
  EXPECT_EQ(status("/readyz"), 200);
  EXPECT_EQ(status("/metrics"), 200);
}

TEST_F(ProbesTest, HealthTurnsRedWhenTheForwarderHangs) {
  inputs.metrics.forward.stepped_at = inputs.now - std::chrono::seconds(61);
  EXPECT_EQ(status("/healthz"), 503);
  EXPECT_EQ(status("/readyz"), 200);
}

TEST_F(ProbesTest, HealthTurnsRedWhenTracesCouldGoAndNoneDoes) {
  inputs.metrics.forward.is_stuck = true;
  EXPECT_EQ(status("/healthz"), 503);
  EXPECT_EQ(status("/readyz"), 200);
  inputs.delivers = false;
  EXPECT_EQ(status("/healthz"), 200);
}

TEST_F(ProbesTest, HealthNeedsNoForwarderWhereThereIsNone) {
  inputs.delivers = false;
  inputs.metrics.forward.stepped_at = SteadyTime();
  EXPECT_EQ(status("/healthz"), 200);
}

TEST_F(ProbesTest, AFullQueueAndAServerThatIsDownTurnNothingRed) {
  inputs.metrics.queue.full = true;
  inputs.metrics.forward.server.state = ServerStatus::State::down;
  EXPECT_EQ(status("/healthz"), 200);
  EXPECT_EQ(status("/readyz"), 200);
}

TEST_F(ProbesTest, ReadinessEndsWithTheSocket) {
  inputs.serving = false;
  EXPECT_EQ(status("/readyz"), 503);
}

TEST_F(ProbesTest, AreReadOnly) {
  EXPECT_EQ(status("/metrics", "POST"), 405);
  EXPECT_EQ(status("/status"), 404);
}

TEST_F(ProbesTest, HeadIsAnsweredAsGetIs) {
  for (const char* path :
       {"/", "/metrics", "/healthz", "/readyz", "/status.json", "/history.json"}) {
    EXPECT_EQ(status(path, "HEAD"), 200) << path;
  }
  EXPECT_EQ(status("/status", "HEAD"), 404);
}

TEST_F(ProbesTest, AQueryChangesNothing) {
  EXPECT_EQ(status("/metrics?job=tracelink"), 200);
  EXPECT_EQ(status("/?"), 200);
  EXPECT_EQ(status("/status?x=/metrics"), 404);
}

TEST_F(ProbesTest, APageUnderAnotherNameReadsNothing) {
  const auto asked_as = [&](const std::string& host) {
    return handle_probe({"GET", "/status.json", "", host}, inputs);
  };
  EXPECT_EQ(asked_as("127.0.0.1:9464").status, 200);
  const ControlReply refused = asked_as("rebound.example:9464");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body,
            "the Host header does not name this daemon: ask for it by its address, such as "
            "127.0.0.1:9464 (docs/metrics.md#who-may-ask)\n");
  EXPECT_EQ(handle_probe({"GET", "/healthz", "", "rebound.example"}, inputs).status, 403);
}

TEST_F(ProbesTest, ThePageHasItsDocumentsBesideIt) {
  const ControlReply page = handle_probe({"GET", "/", ""}, inputs);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  for (const char* name : {"status.json", "history.json"}) {
    EXPECT_NE(page.body.find("\"" + std::string(name) + "\""), std::string::npos) << name;
  }
  EXPECT_EQ(handle_probe({"GET", "/status.json", ""}, inputs).body, "{\"now\": 1}");
  EXPECT_EQ(handle_probe({"GET", "/history.json", ""}, inputs).body, "{\"then\": 1}");
  EXPECT_EQ(status("/status.json", "POST"), 405);
}

TEST_F(ProbesTest, ThePageNeedsNothingFromElsewhere) {
  const std::string page = handle_probe({"GET", "/", ""}, inputs).body;
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  for (const char* text :
       {"https://", "innerHTML", "insertAdjacentHTML", "document.write", "eval("}) {
    EXPECT_EQ(page.find(text), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace tracelink
