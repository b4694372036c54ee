#include "daemon/base/held_files.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace tracelink {
namespace {

using std::chrono::milliseconds;
const Error kBroken{ErrorCode::io, "read /state/x: Input/output error"};

TEST(HeldFiles, TheWaitBetweenRetriesDoublesUpToTenSeconds) {
  EXPECT_EQ(held_retry_delay(0), milliseconds(500));
  EXPECT_EQ(held_retry_delay(1), milliseconds(1000));
  EXPECT_EQ(held_retry_delay(4), milliseconds(8000));
  EXPECT_EQ(held_retry_delay(5), milliseconds(10'000));
  EXPECT_EQ(held_retry_delay(1000), milliseconds(10'000));
}

TEST(HeldFiles, AFileIsNamedWithItsReasonUntilItCanBeRead) {
  FakeClock clock;
  HeldFiles held(clock);
  const SteadyTime since = clock.steady();
  held.hold(StateFile::notes, "/state/x", kBroken);
  clock.advance(std::chrono::seconds(5));
  held.hold(StateFile::notes, "/state/x", kBroken);
  const auto files = held.list();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].reason, kBroken.message);
  EXPECT_EQ(files[0].since, since);
  EXPECT_TRUE(held.holds("/state/x"));
  held.release("/state/x");
  EXPECT_TRUE(held.list().empty());
}

TEST(HeldFiles, ARetryIsCalledWhenItIsDueUntilItSucceeds) {
  FakeClock clock;
  HeldFiles held(clock);
  int calls = 0;
  held.hold(StateFile::notes, "/state/x", kBroken,
            [&] { return ++calls < 3 ? Result<void>(kBroken) : Result<void>(); });
  held.retry_due();
  EXPECT_EQ(calls, 0);
  clock.advance(milliseconds(500));
  held.retry_due();
  held.retry_due();
  EXPECT_EQ(calls, 1);
  clock.advance(milliseconds(1000));
  held.retry_due();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(held.list().size(), 1u);
  EXPECT_EQ(held.read_late(), 0u);
  clock.advance(milliseconds(2000));
  held.retry_due();
  EXPECT_EQ(calls, 3);
  EXPECT_TRUE(held.list().empty());
  EXPECT_EQ(held.read_late(), 1u);
}

TEST(HeldFiles, TheReasonIsThatOfTheLastTry) {
  FakeClock clock;
  HeldFiles held(clock);
  held.hold(StateFile::notes, "/state/x", kBroken,
            [] { return Result<void>(Error{ErrorCode::invalid, "has version 99"}); });
  clock.advance(milliseconds(500));
  held.retry_due();
  ASSERT_EQ(held.list().size(), 1u);
  EXPECT_EQ(held.list()[0].reason, "has version 99");
  EXPECT_NE(remedy_for(held.list()[0]).find("a later tracelinkd"), std::string::npos);
}

}  // namespace
}  // namespace tracelink
