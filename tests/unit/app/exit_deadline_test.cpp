#include "daemon/app/exit_deadline.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(ExitDeadline, EndsAProcessThatHangsWithItsCode) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto hang = [] {
    exit_within(std::chrono::milliseconds(200), 75);
    std::this_thread::sleep_for(std::chrono::hours(1));
  };
  EXPECT_EXIT(hang(), testing::ExitedWithCode(75), "");
}

}  // namespace
}  // namespace tracelink
