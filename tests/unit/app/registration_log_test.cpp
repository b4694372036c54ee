#include "daemon/app/registration_log.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/log_capture.hpp"

namespace tracelink {
namespace {

using Lines = std::vector<std::string>;

class RegistrationLogTest : public testing::Test {
 protected:
  RegistrationLogTest() { status.definition.name = status.requested_name = "agent"; }
  void becomes_ready(const std::string& id, bool created = false) {
    status.state = RegistrationState::ready;
    status.model = ResolvedModel{id, "agent", "7", "shop"};
    status.failure.reset();
    status.verified = true;
    status.created = created;
    told.changed(status);
  }
  void is_known_from_before(const std::string& id) {
    status.state = RegistrationState::ready;
    status.model = ResolvedModel{id, "agent", "7", "shop"};
    told.changed(status);
  }
  void is_gone() {
    status.state = RegistrationState::unresolved;
    status.model.reset();
    status.verified = false;
    told.changed(status);
  }
  void fails(FailureScope scope) {
    status.state = RegistrationState::failed;
    status.failure = configuration_failure(scope, "refused", "rename it");
    status.verified = false;
    told.changed(status);
  }

  FakeClock clock;
  Reporter reporter{clock};
  RegistrationLog told{reporter};
  RegistrationStatus status;
  LogCapture log;
};

TEST_F(RegistrationLogTest, TellsOnceWhichModelALinkHas) {
  becomes_ready("m-1", true);
  becomes_ready("m-1");
  EXPECT_EQ(log.take(),
            Lines{"info model ready model_id=m-1 name=\"agent\" by=creating experiment_id=7 "
                  "experiment=\"shop\""});
}

TEST_F(RegistrationLogTest, TellsTheModelAfterARestartToo) {
  is_known_from_before("m-1");
  EXPECT_EQ(log.take(), Lines{});
  becomes_ready("m-1");
  EXPECT_EQ(log.take(),
            Lines{"info model ready model_id=m-1 name=\"agent\" by=finding experiment_id=7 "
                  "experiment=\"shop\""});
}

TEST_F(RegistrationLogTest, TellsTheExperimentOfALinkWithoutAModel) {
  status.model = ResolvedModel{"", "", "7", "shop"};
  status.verified = true;
  told.changed(status);
  EXPECT_EQ(log.take(), Lines{"info experiment ready experiment_id=7 experiment=\"shop\""});
}

TEST_F(RegistrationLogTest, TellsBothIdsOfAModelThatWasRegisteredAgain) {
  is_known_from_before("m-1");
  is_gone();
  becomes_ready("m-2", true);
  const Lines lines = log.take();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0],
            "warning model gone from the server, its traces belong to another one "
            "name=\"agent\" old_model_id=m-1 model_id=m-2");
  EXPECT_TRUE(lines[1].starts_with("info model ready model_id=m-2"));
}

TEST_F(RegistrationLogTest, AnOlderDuplicateThatTakesOverIsNotToldAsALoss) {
  becomes_ready("m-1", true);
  log.take();
  becomes_ready("m-0");
  const Lines lines = log.take();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0],
            "info an older twin of the model turned up, traces belong to that one "
            "name=\"agent\" old_model_id=m-1 model_id=m-0");
  EXPECT_TRUE(lines[1].starts_with("info model ready model_id=m-0"));
}

TEST_F(RegistrationLogTest, AFailureIsTheLastErrorAndToldWithItsRemedy) {
  fails(FailureScope::link);
  fails(FailureScope::link);
  EXPECT_EQ(
      log.take(),
      Lines{
          "error failing subject=\"link agent\" reason=\"refused\" remedy=\"rename it\" times=1"});
  ASSERT_TRUE(reporter.last_error());
  EXPECT_EQ(reporter.last_error()->message, "link agent: refused");
  EXPECT_EQ(reporter.last_error()->remedy, "rename it");
  becomes_ready("m-1");
  EXPECT_EQ(log.take().front(), "info works again subject=\"link agent\"");
}

TEST_F(RegistrationLogTest, AFailureOfTheServerIsToldAsTheServers) {
  fails(FailureScope::server);
  EXPECT_EQ(reporter.last_error()->message, "server: refused");
}

TEST_F(RegistrationLogTest, WarningsAreToldWhenTheyChange) {
  status.warnings = {"twin model m-2"};
  told.changed(status);
  told.changed(status);
  EXPECT_EQ(log.take(), Lines{"warning twin model m-2 model=\"agent\""});
}

}  // namespace
}  // namespace tracelink
