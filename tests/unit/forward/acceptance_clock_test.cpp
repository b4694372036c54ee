#include "daemon/forward/acceptance_clock.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class AcceptanceClockTest : public ::testing::Test {
 protected:
  // A record that is accepted now, under the next sequence.
  StoredRecord accept() {
    StoredRecord stored;
    stored.sequence = ++sequence_;
    stored.record.accepted_at = clock.wall();
    return stored;
  }
  std::chrono::nanoseconds age(const StoredRecord& stored) {
    return clock.steady() - acceptance.of(stored);
  }

  FakeClock clock;
  AcceptanceClock acceptance{clock};

 private:
  std::uint64_t sequence_ = 0;
};

TEST_F(AcceptanceClockTest, WhatIsReadLaterIsAsOldAsItIs) {
  const StoredRecord first = accept();
  clock.advance(minutes(1));
  const StoredRecord second = accept();
  clock.advance(hours(5));
  EXPECT_EQ(age(first), hours(5) + minutes(1));
  EXPECT_EQ(age(second), hours(5));
}

TEST_F(AcceptanceClockTest, WhatWasAcceptedBeforeTheStartIsAsOldAsTheWallClockSays) {
  const StoredRecord before = accept();
  clock.advance(hours(48));
  AcceptanceClock restarted(clock);
  EXPECT_EQ(clock.steady() - restarted.of(before), hours(48));
}

TEST_F(AcceptanceClockTest, AJumpForwardsMakesNothingOlder) {
  const StoredRecord before = accept();
  clock.set_wall_by(hours(25));
  const StoredRecord after = accept();
  clock.advance(seconds(10));
  EXPECT_EQ(age(before), seconds(10));
  EXPECT_EQ(age(after), seconds(0)) << "not younger than now";
  clock.advance(seconds(10));
  EXPECT_EQ(age(accept()), seconds(0));
  clock.advance(seconds(5));
  EXPECT_EQ(age(after), seconds(15)) << "corrected by the same amount when it is read again";
}

TEST_F(AcceptanceClockTest, AJumpBackwardsMakesNothingOlder) {
  const StoredRecord before = accept();
  EXPECT_EQ(age(before), seconds(0));
  clock.advance(seconds(10));
  clock.set_wall_by(-hours(25));
  const StoredRecord after = accept();
  clock.advance(seconds(3));
  EXPECT_EQ(age(after), seconds(0)) << "when it was read first";
  clock.advance(minutes(2));
  const StoredRecord later = accept();
  EXPECT_LE(age(later), seconds(3));
  clock.advance(minutes(1));
  EXPECT_EQ(age(after), minutes(3)) << "corrected by the same amount when it is read again";
}

TEST_F(AcceptanceClockTest, AClockThatIsSetBackAndForthIsCorrectedEachTime) {
  for (int n = 0; n < 50; ++n) {
    clock.advance(minutes(1));
    clock.set_wall_by(n % 2 == 0 ? hours(10) : -hours(10));
    EXPECT_LE(age(accept()), minutes(1)) << n;
  }
}

TEST_F(AcceptanceClockTest, AReplayedDeadLetterKeepsItsAgeAndChangesNoOther) {
  StoredRecord replayed = accept();
  clock.advance(hours(48));
  EXPECT_EQ(age(accept()), seconds(0));
  replayed.sequence = 100;
  replayed.replayed = true;
  EXPECT_EQ(age(replayed), hours(48));
  clock.advance(seconds(1));
  EXPECT_EQ(age(accept()), seconds(0));
}

TEST_F(AcceptanceClockTest, SmallDifferencesAreNoJump) {
  EXPECT_EQ(age(accept()), seconds(0));
  clock.set_wall_by(std::chrono::milliseconds(-300));
  EXPECT_EQ(age(accept()), seconds(0));
  clock.advance(seconds(1));
  clock.set_wall_by(std::chrono::milliseconds(300));
  EXPECT_EQ(age(accept()), seconds(0));
}

}  // namespace
}  // namespace tracelink
