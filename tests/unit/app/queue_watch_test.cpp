#include "daemon/app/queue_watch.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/log_capture.hpp"

namespace tracelink {
namespace {

using std::chrono::seconds;
using Lines = std::vector<std::string>;

class QueueWatchTest : public testing::Test {
 protected:
  void append_fails(ErrorCode code) { watch.appended(Error{code, "Permission denied"}); }
  void look() { watch.look(stats); }
  // Begin of the only line logged since the last call; all of them if it is not the only one.
  std::string logged() {
    const Lines lines = log.take();
    if (lines.size() == 1) return lines[0].substr(0, lines[0].find(" remedy="));
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    return all;
  }

  FakeClock clock;
  QueueWatch watch{clock};
  QueueStats stats;
  LogCapture log;
};

TEST_F(QueueWatchTest, AQueueThatCannotBeWrittenIsToldUntilItCan) {
  append_fails(ErrorCode::io);
  EXPECT_EQ(logged(),
            "error failing subject=\"queue\" reason=\"cannot be written: Permission denied\"");
  append_fails(ErrorCode::io);
  EXPECT_EQ(logged(), "");
  ASSERT_EQ(watch.notices().size(), 1u);
  EXPECT_NE(watch.notices()[0].find("Permission denied; check the disk"), std::string::npos);
  ASSERT_TRUE(watch.last_error());
  EXPECT_EQ(watch.last_error()->message, "queue: cannot be written: Permission denied");
  EXPECT_FALSE(watch.writable());
  watch.appended({});
  EXPECT_TRUE(watch.writable());
  EXPECT_EQ(logged(), "info works again subject=\"queue\"");
  EXPECT_TRUE(watch.notices().empty());
}

TEST_F(QueueWatchTest, AFullQueueIsToldAndThatThereIsRoomAgain) {
  stats.full = true;
  look();
  EXPECT_EQ(
      logged(),
      "error failing subject=\"room in the queue\" reason=\"it is full, new spans wait or are "
      "refused\"");
  look();
  ASSERT_EQ(watch.notices().size(), 1u);
  EXPECT_NE(watch.notices()[0].find("raise queue.max_bytes"), std::string::npos);
  stats.full = false;
  clock.advance(seconds(10));
  look();
  EXPECT_EQ(logged(), "info works again subject=\"room in the queue\"");
  EXPECT_TRUE(watch.notices().empty());
}

TEST_F(QueueWatchTest, RoomForAMomentIsNotTold) {
  stats.full = true;
  look();
  (void)logged();
  for (int n = 0; n < 20; ++n) {
    clock.advance(seconds(1));
    stats.full = !stats.full;
    look();
  }
  EXPECT_EQ(logged(), "");
}

TEST_F(QueueWatchTest, RefusedRequestsAreCounted) {
  for (int n = 0; n < 5; ++n) append_fails(ErrorCode::no_space);
  (void)log.take();
  clock.advance(seconds(60));
  append_fails(ErrorCode::timeout);
  const Lines lines = log.take();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].ends_with("times=5")) << lines[0];
}

TEST_F(QueueWatchTest, WhatTheStopRefusesIsNoTrouble) {
  append_fails(ErrorCode::closed);
  EXPECT_EQ(logged(), "");
  EXPECT_TRUE(watch.notices().empty());
}

TEST_F(QueueWatchTest, DroppedSpansAreToldOnceAMinuteWithTheirNumber) {
  stats.dropped_policy = 100;  // of earlier runs
  look();
  EXPECT_EQ(logged(), "");
  stats.dropped_policy = 107;
  look();
  EXPECT_EQ(logged(), "warning dropped the oldest spans for room spans=7 total=107");
  stats.dropped_policy = 110;
  look();
  EXPECT_EQ(logged(), "");
  clock.advance(seconds(60));
  look();
  EXPECT_EQ(logged(), "warning dropped the oldest spans for room spans=3 total=110");
}

TEST_F(QueueWatchTest, WhatIsInQuarantineIsToldAtTheStart) {
  stats.quarantine_files = 2;
  stats.quarantine_bytes = 512;
  stats.damaged = 3;
  look();
  look();
  EXPECT_EQ(logged(),
            "warning state that could not be read is set aside files=2 bytes=512 damaged_spans=3");
}

TEST_F(QueueWatchTest, AFileThatCannotBeReadIsToldOnceAndWhenItCanBe) {
  const HeldFile file{.kind = StateFile::segment, .path = "/s/1.segment", .reason = "no luck"};
  stats.held_files = {file};
  look();
  EXPECT_EQ(logged(), "error failing subject=\"/s/1.segment\" reason=\"cannot be read: no luck\"");
  look();
  EXPECT_EQ(logged(), "");
  stats.held_files.clear();
  look();
  EXPECT_EQ(logged(), "info works again subject=\"/s/1.segment\"");
}

TEST_F(QueueWatchTest, ADiskFullOfUnreadableFilesIsToldInAFewLines) {
  for (int n = 0; n < 1000; ++n) {
    stats.held_files.push_back({.path = "/s/" + std::to_string(n), .reason = "no luck"});
  }
  look();
  EXPECT_EQ(log.take().size(), 11u);
  look();
  EXPECT_EQ(log.take().size(), 0u);
}

}  // namespace
}  // namespace tracelink
