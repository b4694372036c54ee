#include "daemon/destination/mlflow/server_probe.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/fake_http_client.hpp"
#include "tests/support/fixed_random_source.hpp"
#include "tests/support/log_capture.hpp"
#include "tests/unit/destination_mlflow/mlflow_server.hpp"

namespace tracelink {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Lines = std::vector<std::string>;
using State = ServerStatus::State;

class ServerProbeTest : public ::testing::Test {
 protected:
  void ask(Result<HttpResponse> answer) {
    http.will_answer(std::move(answer));
    probe.advance();
    http.poll(milliseconds(0));
  }
  void answer_version(const char* version) { ask(HttpResponse{200, {}, version}); }
  void be_unreachable() { ask(Error{ErrorCode::unavailable, "connection refused"}); }

  FakeClock clock;
  FixedRandomSource random;
  FakeFileSystem fs;
  FakeHttpClient http;
  TrackingClient client{tracking_options(), http};
  Registrar registrar{{.directory = "/models"}, client, fs, clock, random};
  Reporter reporter{clock};
  ServerProbe probe{client, registrar, reporter, clock, random};
};

TEST_F(ServerProbeTest, IsNeitherUpNorDownBeforeSomethingIsHeardOfIt) {
  EXPECT_EQ(probe.status().state, State::none);
  be_unreachable();
  EXPECT_EQ(probe.status().state, State::down);
}

TEST_F(ServerProbeTest, KnowsWhatTheServerCanDoByItsVersion) {
  answer_version("3.12.0");
  ASSERT_TRUE(probe.capabilities());
  EXPECT_TRUE(probe.capabilities()->token_usage_in_start_trace);
  EXPECT_FALSE(probe.capabilities()->start_trace_after_spans);
  EXPECT_EQ(probe.status().state, State::up);
  EXPECT_FALSE(probe.next_due());
  EXPECT_EQ(http.requests().at(0).url, "http://mlflow/version");
}

TEST_F(ServerProbeTest, AsksOnceAtATime) {
  probe.advance();
  probe.advance();
  EXPECT_EQ(http.requests().size(), 1u);
  EXPECT_FALSE(probe.next_due());
  http.cancel_all();
}

TEST_F(ServerProbeTest, AnUnreachableServerIsAskedAgainWithGrowingDelay) {
  for (const milliseconds delay : {milliseconds(500), milliseconds(1000), milliseconds(2000)}) {
    be_unreachable();
    EXPECT_EQ(probe.next_due(), clock.steady() + delay);
    EXPECT_EQ(probe.failure().message, "connection refused");
    const std::size_t asked = http.requests().size();
    clock.advance(delay - milliseconds(1));
    probe.advance();
    EXPECT_EQ(http.requests().size(), asked);
    clock.advance(milliseconds(1));
  }
  EXPECT_EQ(probe.status().state, State::down);
}

TEST_F(ServerProbeTest, AServerThatNeedsAPersonIsAskedEachMinute) {
  ask(HttpResponse{401, {}, "You are not authenticated."});
  EXPECT_EQ(probe.status().state, State::refusing);
  EXPECT_EQ(probe.next_due(), clock.steady() + seconds(60));
  EXPECT_EQ(probe.failure().scope, FailureScope::server);
  EXPECT_FALSE(probe.failure().remedy.empty());
}

TEST_F(ServerProbeTest, WhatIsNoVersionIsNoMlflow) {
  ask(HttpResponse{200, {{"content-type", "text/html"}}, "<html>welcome</html>"});
  EXPECT_FALSE(probe.capabilities());
  EXPECT_EQ(probe.status().state, State::refusing);
}

TEST_F(ServerProbeTest, TheDelayBeginsAnewAfterASuccess) {
  be_unreachable();
  clock.advance(seconds(1));
  be_unreachable();
  clock.advance(seconds(2));
  answer_version("3.18.0");
  probe.connection_lost({});
  be_unreachable();
  EXPECT_EQ(probe.next_due(), clock.steady() + milliseconds(500));
}

TEST_F(ServerProbeTest, ALostConnectionIsAskedAboutAtOnce) {
  answer_version("3.18.0");
  Failure lost;
  lost.scope = FailureScope::experiment;
  lost.message = "connection reset";
  probe.connection_lost(lost);
  EXPECT_FALSE(probe.capabilities());
  EXPECT_EQ(probe.failure().scope, FailureScope::server);
  EXPECT_LE(*probe.next_due(), clock.steady());
}

TEST_F(ServerProbeTest, AnUnreachableServerIsToldAtOnceThenEachMinuteAndWhenItIsBack) {
  LogCapture log;
  be_unreachable();
  EXPECT_EQ(log.take(), Lines{"warning failing subject=\"server\" reason=\"connection refused\" "
                              "remedy=\"\" times=1"});
  EXPECT_EQ(reporter.last_error()->message, "server: connection refused");
  for (int n = 0; n < 3; ++n) {
    clock.advance(seconds(10));
    be_unreachable();
  }
  EXPECT_EQ(log.take(), Lines{});
  clock.advance(seconds(30));
  be_unreachable();
  EXPECT_EQ(log.take(), Lines{"warning failing subject=\"server\" reason=\"connection refused\" "
                              "remedy=\"\" times=4"});
  clock.advance(seconds(30));
  answer_version("3.18.0");
  EXPECT_EQ(log.take(), Lines{"info works again subject=\"server\""});
}

TEST_F(ServerProbeTest, AServerThatAnsweredSomebodyElseIsAskedAtOnce) {
  for (int n = 0; n < 8; ++n) {
    be_unreachable();
    clock.advance(seconds(60));
  }
  be_unreachable();
  probe.advance();
  EXPECT_EQ(http.requests().size(), 9u);
  http.will_answer(HttpResponse{.status = 404, .headers = {}, .body = "", .new_connection = true});
  client.get_experiment("1", [](const Answer<Experiment>&) {});
  http.poll(milliseconds(0));
  answer_version("3.18.0");
  EXPECT_EQ(http.requests().back().url, "http://mlflow/version");
  EXPECT_TRUE(probe.capabilities());
}

TEST_F(ServerProbeTest, WhatAServerThatIsThereRefusesIsNotAskedSoonerForANewConnection) {
  ask(HttpResponse{503, {{"retry-after", "30"}}, "busy"});
  http.will_answer(HttpResponse{.status = 404, .headers = {}, .body = "", .new_connection = true});
  client.get_experiment("1", [](const Answer<Experiment>&) {});
  http.poll(milliseconds(0));
  probe.advance();
  EXPECT_EQ(http.requests().size(), 2u);
}

TEST_F(ServerProbeTest, RegistrationsAreTriedAtOnceWhenAServerThatWasAwayIsThere) {
  LinkDefinition link;
  link.name = "agent";
  registrar.want({}, link);
  be_unreachable();
  for (int n = 0; n < 2; ++n) {
    clock.advance(milliseconds(500));
    http.will_answer(Error{ErrorCode::unavailable, "connection refused"});
    registrar.advance();
    http.poll(milliseconds(0));
  }
  ASSERT_GT(*registrar.next_due(), clock.steady());
  answer_version("3.18.0");
  EXPECT_LE(*registrar.next_due(), clock.steady());
}

TEST_F(ServerProbeTest, ARefusalIsOverWhenARequestGoesThrough) {
  answer_version("3.18.0");
  probe.refused({});
  EXPECT_EQ(probe.status().state, State::refusing);
  EXPECT_TRUE(probe.capabilities()) << "it is known, and may be tried";
  probe.answered();
  EXPECT_EQ(probe.status().state, State::up);
}

}  // namespace
}  // namespace tracelink
