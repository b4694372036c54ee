#include "daemon/report/reporter.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/log_capture.hpp"

namespace tracelink {
namespace {

class ReporterTest : public testing::Test {
 protected:
  FakeClock clock;
  Reporter reporter{clock};
  LogCapture log;
};

TEST_F(ReporterTest, AConsequenceDoesNotHideWhatAPersonHasToDo) {
  reporter.failure("server", "version 3.4.0", "upgrade it");
  reporter.failure("server", "HTTP 500", "");
  EXPECT_EQ(reporter.last_error()->remedy, "upgrade it");
  EXPECT_EQ(log.take().size(), 1u);
  reporter.failure("queue", "damaged", "");
  EXPECT_EQ(reporter.last_error()->message, "queue: damaged") << "another subject";
}

TEST_F(ReporterTest, WhatFollowsARecoveryIsNoConsequence) {
  reporter.failure("server", "refuses", "log in");
  reporter.recovered("server");
  reporter.failure("server", "down", "");
  EXPECT_EQ(reporter.last_error()->message, "server: down");
}

TEST_F(ReporterTest, WhatIsNotRefusedAnyMoreDoesNotWaitForAPerson) {
  reporter.failure("server", "refuses", "log in");
  clock.advance(std::chrono::minutes(3));
  reporter.failure("server", "down", "");
  EXPECT_EQ(reporter.last_error()->message, "server: down");
}

TEST_F(ReporterTest, TheLastErrorIsOverWhenItsSubjectWorksAgain) {
  reporter.failure("server", "down", "");
  reporter.recovered("queue");
  EXPECT_EQ(reporter.last_error()->over_at, std::nullopt) << "another subject";
  clock.advance(std::chrono::minutes(1));
  const SteadyTime over = clock.steady();
  reporter.recovered("server");
  clock.advance(std::chrono::minutes(1));
  reporter.recovered("server");
  EXPECT_EQ(reporter.last_error()->over_at, over);
  reporter.failure("server", "down", "");
  EXPECT_EQ(reporter.last_error()->over_at, std::nullopt) << "it fails again";
}

TEST_F(ReporterTest, ValuesEndAtTheirOwnQuote) {
  reporter.failure("link a\" remedy=\"run this", "gone\nnow", "");
  EXPECT_EQ(log.take(),
            std::vector<std::string>{R"(warning failing subject="link a\" remedy=\"run this" )"
                                     R"(reason="gone\nnow" remedy="" times=1)"});
}

TEST_F(ReporterTest, InventedSubjectsAreCountedInsteadOfLogged) {
  for (int i = 0; i < 300; ++i) {
    reporter.failure("experiment " + std::to_string(i), "gone", "create it");
  }
  EXPECT_EQ(log.take().size(), 10u);
  clock.advance(std::chrono::minutes(1));
  reporter.failure("server", "down", "");
  EXPECT_EQ(log.take().front(),
            R"(warning too many lines of a kind kind="experiment" left_out=290)");
}

}  // namespace
}  // namespace tracelink
