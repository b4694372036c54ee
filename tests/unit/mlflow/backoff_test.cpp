#include "daemon/mlflow/backoff.hpp"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "tests/support/fake_random_source.hpp"

namespace tracelink {
namespace {

using std::chrono::milliseconds;

Failure failure_of(FailureClass failure_class) {
  Failure failure;
  failure.failure_class = failure_class;
  return failure;
}
const Failure kTransient = failure_of(FailureClass::transient);

// Always the longest delay that is allowed below 2^16 ms.
struct LongestDelay final : RandomSource {
  milliseconds bound{500};
  std::uint64_t next() override { return static_cast<std::uint64_t>(bound.count()); }
};

TEST(Backoff, TheBoundDoublesUpTo30Seconds) {
  LongestDelay random;
  Backoff backoff(random);
  for (const int bound : {500, 1'000, 2'000, 4'000, 8'000, 16'000, 30'000, 30'000, 30'000}) {
    random.bound = milliseconds(bound);
    EXPECT_EQ(backoff.after(kTransient), random.bound);
  }
}

TEST(Backoff, JitterIsFull) {
  FakeRandomSource random;
  milliseconds least{1'000}, most{0};
  for (int i = 0; i < 1'000; ++i) {
    const milliseconds delay = Backoff(random).after(kTransient);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_LT(least, milliseconds(10));
  EXPECT_GT(most, milliseconds(490));
  EXPECT_LE(most, milliseconds(500));
}

TEST(Backoff, AnUnknownFailureIsLikeATransientOne) {
  LongestDelay random;
  EXPECT_EQ(Backoff(random).after(failure_of(FailureClass::unknown)), milliseconds(500));
}

TEST(Backoff, RetryAfterIsTheLeast) {
  FakeRandomSource random;
  Failure failure = kTransient;
  failure.retry_after = milliseconds(120'000);
  EXPECT_EQ(Backoff(random).after(failure), milliseconds(120'000));
}

TEST(Backoff, APermanentFailureWaitsAMinute) {
  FakeRandomSource random;
  Backoff backoff(random);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(backoff.after(failure_of(FailureClass::configuration)), milliseconds(60'000));
    EXPECT_EQ(backoff.after(failure_of(FailureClass::poison)), milliseconds(60'000));
  }
}

TEST(Backoff, ResetStartsAnew) {
  LongestDelay random;
  Backoff backoff(random);
  for (int i = 0; i < 5; ++i) (void)backoff.after(kTransient);
  backoff.reset();
  random.bound = milliseconds(500);
  EXPECT_EQ(backoff.after(kTransient), milliseconds(500));
  random.bound = milliseconds(1'001);
  EXPECT_EQ(backoff.after(kTransient), milliseconds(0));  // 1001 is beyond the second bound
}

TEST(RandomBelow, ReachesBothEnds) {
  LongestDelay random;
  random.bound = milliseconds(7);
  EXPECT_EQ(random_below(random, milliseconds(7)), milliseconds(7));
  random.bound = milliseconds(8);
  EXPECT_EQ(random_below(random, milliseconds(7)), milliseconds(0));
  EXPECT_EQ(random_below(random, milliseconds(0)), milliseconds(0));
}

}  // namespace
}  // namespace tracelink
