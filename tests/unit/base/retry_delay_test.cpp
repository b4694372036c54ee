#include "daemon/base/retry_delay.hpp"

#include <chrono>
#include <climits>

#include <gtest/gtest.h>

#include "tests/support/fake_random_source.hpp"
#include "tests/support/fixed_random_source.hpp"

namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RetryDelay, DoublesUpToTheCap) {
  struct Row {
    int failures;
    milliseconds least;  // half of the whole
  };
  constexpr Row kRows[] = {
      {1, milliseconds(500)}, {2, seconds(1)},    {3, seconds(2)},        {6, seconds(16)},
      {7, seconds(30)},       {100, seconds(30)}, {INT_MAX, seconds(30)},
  };
  const RetryDelay delay;
  for (const Row& row : kRows) {
    FixedRandomSource least(0);
    EXPECT_EQ(delay.after(row.failures, least), row.least) << row.failures;
    FixedRandomSource most(static_cast<std::uint64_t>(row.least.count()));
    EXPECT_EQ(delay.after(row.failures, most), 2 * row.least) << row.failures;
  }
}

TEST(RetryDelay, JitterStaysBetweenHalfAndWhole) {
  FakeRandomSource random;
  const RetryDelay delay;
  for (int n = 0; n < 1000; ++n) {
    const auto wait = delay.after(3, random);
    ASSERT_GE(wait, seconds(2));
    ASSERT_LE(wait, seconds(4));
  }
}

TEST(RetryDelay, RetryAfterIsTheLeastUpToAnHour) {
  struct Row {
    milliseconds asked, expected;
  };
  constexpr Row kRows[] = {
      {milliseconds(0), seconds(2)}, {seconds(1), seconds(2)}, {seconds(90), seconds(90)},
      {hours(1), hours(1)},          {hours(48), hours(1)},
  };
  for (const Row& row : kRows) {
    FixedRandomSource random;
    EXPECT_EQ(RetryDelay{}.after(3, random, row.asked), row.expected) << row.asked.count();
  }
}

TEST(RandomBelow, ReachesBothEnds) {
  FixedRandomSource seven(7), eight(8);
  EXPECT_EQ(random_below(seven, milliseconds(7)), milliseconds(7));
  EXPECT_EQ(random_below(eight, milliseconds(7)), milliseconds(0));
  EXPECT_EQ(random_below(eight, milliseconds(0)), milliseconds(0));
}

}  // namespace
}  // namespace tracelink
