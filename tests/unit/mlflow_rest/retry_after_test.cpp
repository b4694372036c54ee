#include "daemon/mlflow/rest/retry_after.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using std::chrono::seconds;

constexpr char kDate[] = "Mon, 23 Nov 2026 12:00:00 GMT";

std::optional<std::chrono::milliseconds> after(const std::string& value) {
  return retry_after({503, {{"retry-after", value}, {"date", kDate}}, ""});
}

TEST(RetryAfter, ReadsSeconds) {
  EXPECT_EQ(after("0"), seconds(0));
  EXPECT_EQ(after("120"), seconds(120));
}

TEST(RetryAfter, IsAtMostAnHour) {
  EXPECT_EQ(after("3601"), seconds(3'600));
  EXPECT_EQ(after("99999999999999999999"), seconds(3'600));
  EXPECT_EQ(after("Tue, 24 Nov 2026 12:00:00 GMT"), seconds(3'600));
  EXPECT_EQ(after("Fri, 31 Dec 9999 23:59:59 GMT"), seconds(3'600)) << "what proxies say for never";
}

TEST(RetryAfter, IsNeverBeforeNow) {
  EXPECT_EQ(after("-5"), seconds(0));
  EXPECT_EQ(after("-99999999999999999999"), seconds(0));
  EXPECT_EQ(after("Sat, 01 Jan 0001 00:00:00 GMT"), seconds(0));
  EXPECT_EQ(after("Mon, 23 Nov 2026 11:59:00 GMT"), seconds(0));
}

TEST(RetryAfter, ReadsADateAgainstTheAnswersOwn) {
  EXPECT_EQ(after("Mon, 23 Nov 2026 12:01:30 GMT"), seconds(90));
  EXPECT_EQ(retry_after({503, {{"retry-after", kDate}}, ""}), std::nullopt);
}

TEST(RetryAfter, IsNothingIfAbsentOrUnreadable) {
  EXPECT_EQ(retry_after({503, {}, ""}), std::nullopt);
  for (const char* value : {"", "soon", "1.5", "5s", "Mon, 23 Foo 2026 12:00:00 GMT"}) {
    EXPECT_EQ(after(value), std::nullopt) << value;
  }
}

}  // namespace
}  // namespace tracelink
