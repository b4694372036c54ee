#include <gtest/gtest.h>

#include "tests/support/queue_harness.hpp"

namespace tracelink {
namespace {

struct QueueFullTest : testing::Test, QueueHarness {
  void open_with(OnFull on_full) {
    options.max_bytes = 256u << 10;
    options.on_full = on_full;
    open();
  }
  // Appends until one is refused; how many were accepted.
  std::uint32_t fill() {
    for (std::uint32_t n = 0; n < 10'000; ++n) {
      auto answer = append_async({record(n, 1000)}, std::chrono::milliseconds(0));
      if (!answer.get()) return n;
      EXPECT_LE(fs.disk_bytes(), options.max_bytes);
    }
    return 0;
  }
  // Two segments are done (each closed with less than a new one is charged) while a request that
  // needs more than that has waited for so long.
  bool small_request_gets_new_room(std::chrono::seconds waited) {
    open_with(OnFull::wait);
    fill();
    const auto all = drain();
    [[maybe_unused]] const auto large =
        append_async({record(5000, 60'000)}, std::chrono::seconds(8));
    const auto small_fits = [&] {
      return append_async({record(1, 400)}, std::chrono::milliseconds(0)).get().has_value();
    };
    while (small_fits()) {
    }
    clock.advance(waited);
    for (const auto& stored : all) {
      if (stored.position.segment_id <= all.front().position.segment_id + 1) deliver(stored);
    }
    return small_fits();
  }
};

TEST_F(QueueFullTest, RejectAnswersNoSpaceAndKeepsTheRest) {
  open_with(OnFull::reject);
  const auto accepted = fill();
  ASSERT_GT(accepted, 50u);
  EXPECT_TRUE(queue->stats().full);
  const auto refused = append(record(0, 1000));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::no_space);
  EXPECT_EQ(drain_numbers(), numbers(0, accepted));
}

TEST_F(QueueFullTest, WaitAnswersTimeoutAtTheDeadline) {
  open_with(OnFull::wait);
  fill();
  auto waiting = append_async({record(1, 1000)}, std::chrono::seconds(8));
  clock.advance(std::chrono::seconds(9));
  const auto result = waiting.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::timeout);
}

TEST_F(QueueFullTest, WaitGoesOnWhenDeliveryMakesRoom) {
  open_with(OnFull::wait);
  const auto accepted = fill();
  auto waiting = append_async({record(7777, 1000)});
  for (const auto& stored : drain()) deliver(stored);
  EXPECT_TRUE(waiting.get());
  EXPECT_FALSE(queue->stats().full);
  EXPECT_EQ(drain_numbers(), std::vector<std::uint32_t>{7777});
  EXPECT_GT(queue->stats().delivered, accepted);
  expect_conservation();
}

TEST_F(QueueFullTest, StopRefusesWhatStillWaits) {
  open_with(OnFull::wait);
  fill();
  auto waiting = append_async({record(1, 1000)});
  queue->stop();
  const auto result = waiting.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::closed);
}

TEST_F(QueueFullTest, DropOldestGivesUpWholeSegmentsAndCountsThem) {
  open_with(OnFull::drop_oldest);
  must_append(0, 1000, 1000);
  EXPECT_LE(fs.disk_bytes(), options.max_bytes);
  for (int life = 0; life < 2; ++life) {
    const auto stats = queue->stats();
    EXPECT_EQ(stats.accepted, 1999u);
    EXPECT_GT(stats.dropped_policy, 1000u);
    expect_conservation();
    reopen();
  }
  const auto left = drain_numbers();
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left, numbers(left.front(), 1000));
}

TEST_F(QueueFullTest, DropOldestMakesRoomForAsMuchAsCanEverFit) {
  open_with(OnFull::drop_oldest);
  must_append(0, 200, 1000);
  ASSERT_TRUE(append(record(7777, 150'000)));
  EXPECT_EQ(drain_numbers().back(), 7777u);
  expect_conservation();
}

TEST_F(QueueFullTest, NothingIsDroppedForWhatFitsWithoutAnyRecordNeither) {
  open_with(OnFull::drop_oldest);
  must_append(0, 60, 1000);
  queue->set_external_bytes(100'000);  // dead letters
  EXPECT_FALSE(append_async({record(7777, 150'000)}, std::chrono::milliseconds(0)).get());
  EXPECT_EQ(queue->stats().dropped_policy, 0u);
  EXPECT_EQ(drain_numbers(), numbers(0, 60));
  queue->set_external_bytes(0);
  EXPECT_TRUE(append(record(7777, 150'000)));
  expect_conservation();
}

TEST_F(QueueFullTest, CompletingADroppedRecordDoesNothing) {
  open_with(OnFull::drop_oldest);
  must_append(0, 1, 1000);
  const auto first = drain().at(0);
  must_append(1, 1000, 1000);
  EXPECT_EQ(queue->read(first.position).error().code, ErrorCode::invalid);
  deliver(first);
  EXPECT_EQ(queue->stats().delivered, 0u);
  expect_conservation();
}

TEST_F(QueueFullTest, ARequestThatCanNeverFitIsTooLarge) {
  open_with(OnFull::wait);
  const auto result = append(record(0, 300'000));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_large);
}

TEST_F(QueueFullTest, ExternalBytesCountAgainstTheBound) {
  open_with(OnFull::reject);
  must_append(0, 1);
  queue->set_external_bytes(options.max_bytes);
  fill();
  EXPECT_GE(queue->stats().disk_bytes, options.max_bytes);
  EXPECT_TRUE(queue->stats().full);
  queue->set_external_bytes(0);
  must_append(1, 2);
}

TEST_F(QueueFullTest, AFullDiskStopsIntakeButNotTheBookkeepingThatFreesIt) {
  options.max_bytes = 4u << 20;
  options.on_full = OnFull::reject;
  open();
  must_append(0, 10, 1000);
  fs.set_capacity(fs.disk_bytes() + 2000);  // no second segment
  for (std::uint32_t n = 10;; ++n) {
    const auto result = append(record(n, 1000));
    if (result) continue;
    EXPECT_EQ(result.error().code, ErrorCode::no_space);
    break;
  }
  ASSERT_TRUE(queue->note({note(1)}));
  for (const auto& stored : drain()) deliver(stored);
  ASSERT_TRUE(queue->sync_journal());
  must_append(5000, 5005, 1000);
  EXPECT_EQ(drain_numbers(), numbers(5000, 5005));
  expect_conservation();
}

TEST_F(QueueFullTest, WhatTheReserveGaveBackIsForBookkeepingAlone) {
  options.max_bytes = 4u << 20;
  options.on_full = OnFull::reject;
  open();
  must_append(0, 10, 1000);
  fs.set_capacity(fs.disk_bytes());
  ASSERT_TRUE(queue->note({note(1)}));  // the first write that needs the reserve
  std::uint32_t n = 10;
  while (append(record(n, 1000))) ++n;
  for (std::uint32_t other = 2; other < 400; ++other) {
    const auto noted = queue->note({note(other)});
    ASSERT_TRUE(noted) << other << ": " << noted.error().message;
  }
  for (const auto& stored : drain()) deliver(stored);
  EXPECT_TRUE(queue->sync_journal());
  expect_conservation();
}

// A late span of a trace that was delivered before the crash must find the link of its trace.
TEST_F(QueueFullTest, ALinkThatATraceNamedOnAFullDiskIsKnownAfterACrash) {
  open_with(OnFull::wait);
  must_append(0, 3, 1000);
  fs.set_capacity(fs.disk_bytes());
  LinkDefinition named = link("agent");
  named.named_by_trace = true;
  const LinkHash hash = *queue->remember_link(named);
  TraceNote sent = note(1);
  sent.link = hash;
  ASSERT_TRUE(queue->note({sent}));
  crash(FakeFileSystem::Crash::lose_unsynced);
  ASSERT_FALSE(*fs.exists(options.state_dir / "models" / "links" / hash.hex()));
  open();
  const auto known = queue->link(hash);
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_EQ(known->name, "agent");
  EXPECT_EQ(queue->links_named_by_traces(), std::vector<LinkHash>{hash});
}

TEST_F(QueueFullTest, SegmentsAreSmallOnlyWhileTheDiskHasLittleRoom) {
  fs.set_capacity(60u << 10);
  open();
  must_append(0, 3, 1000);
  fs.set_capacity(10u << 20);
  must_append(3, 60, 1000);
  EXPECT_LE(fs.content(segment_path(0)).size(), 8u << 10);
  EXPECT_GT(fs.content(segment_path(1)).size(), 14u << 10);
  for (const auto& stored : drain()) deliver(stored);
  close();
  EXPECT_GE(fs.disk_bytes(), 35u << 10) << "the reserve did not grow";
}

TEST_F(QueueFullTest, ALargeRequestThatWaitsHoldsNoSmallOneBack) {
  open_with(OnFull::wait);
  const auto accepted = fill();
  auto large = append_async({record(5000, 60'000)}, std::chrono::seconds(8));
  ASSERT_TRUE(append(record(accepted, 40)));
  ASSERT_TRUE(append(record(accepted + 1, 40)));
  EXPECT_TRUE(queue->stats().full);
  for (const auto& stored : drain()) deliver(stored);
  EXPECT_TRUE(large.get());
  EXPECT_FALSE(queue->stats().full);
  EXPECT_EQ(drain_numbers(), std::vector<std::uint32_t>{5000});
  expect_conservation();
}

TEST_F(QueueFullTest, NewRoomGoesToASmallRequestWhenALargeOneHasJustCome) {
  EXPECT_TRUE(small_request_gets_new_room(std::chrono::seconds(0)));
}

// The writer has looked for what is done, and not yet at what waits.
TEST_F(QueueFullTest, RoomThatComesWhileTheWriterLooksIsFoundByARequestWithoutPatience) {
  open_with(OnFull::wait);
  fill();
  const auto all = drain();
  [[maybe_unused]] const auto large = append_async({record(5000, 60'000)}, std::chrono::seconds(8));
  while (append_async({record(1, 400)}, std::chrono::milliseconds(0)).get()) {
  }
  std::promise<std::future<Result<void>>> small;
  fs.at_next_free_bytes([&] {
    for (const auto& stored : all) {
      if (stored.position.segment_id <= all.front().position.segment_id + 1) deliver(stored);
    }
    small.set_value(append_async({record(1, 400)}, std::chrono::milliseconds(0)));
  });
  const auto answer = small.get_future().get().get();
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST_F(QueueFullTest, NewRoomIsKeptForALargeRequestInTheSecondHalfOfItsTime) {
  EXPECT_FALSE(small_request_gets_new_room(std::chrono::seconds(5)));
}

TEST_F(QueueFullTest, NothingMoreIsDroppedWhileTheCheckpointFails) {
  open_with(OnFull::drop_oldest);
  must_append(0, 170, 1000);
  const auto before = queue->stats();
  fs.fail_names("checkpoint");
  std::uint32_t n = 170;
  while (append_async({record(n, 1000)}, std::chrono::milliseconds(0)).get()) ++n;
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(append_async({record(n, 1000)}, std::chrono::milliseconds(0)).get());
  }
  const auto dropped = queue->stats().dropped_policy - before.dropped_policy;
  EXPECT_GT(dropped, 0u);
  EXPECT_LT(dropped, 40u) << "one segment";
  fs.fail_names("");
  must_append(n, n + 1, 1000);
  expect_conservation();
}

TEST_F(QueueFullTest, NothingMoreIsDroppedWhileTheDroppedFilesCannotBeDeleted) {
  open_with(OnFull::drop_oldest);
  must_append(0, 10, 1000);
  fs.fail_names(segment_path(0).filename().string());
  std::uint32_t n = 10;
  while (append_async({record(n, 1000)}, std::chrono::milliseconds(0)).get()) ++n;
  EXPECT_FALSE(append_async({record(n, 1000)}, std::chrono::milliseconds(0)).get());
  EXPECT_LT(queue->stats().dropped_policy, 40u) << "one segment";
  EXPECT_LE(fs.disk_bytes(), options.max_bytes);
  fs.fail_names("");
  must_append(n, n + 1, 1000);
  expect_conservation();
}

struct UncopiedDamageTest : QueueFullTest {
  // All of the first segment is done, and its damage has no copy: quarantine/ cannot be written.
  void leave_damage_without_copy() {
    open_with(OnFull::drop_oldest);
    must_append(0, 20, 1000);
    close();
    auto bytes = fs.content(segment_path(0));
    bytes.at(bytes.find(record(0, 1000).slice.otlp)) ^= 1;
    fs.set_content(segment_path(0), bytes);
    fs.fail_names("0000000000000001-4160");
    open();
    for (const auto& stored : drain()) {
      if (stored.position.segment_id == 1) deliver(stored);
    }
  }
  std::vector<HeldFile> held_copies() {
    auto held = queue->stats().held_files;
    std::erase_if(held, [](const auto& file) { return file.kind != StateFile::quarantine; });
    return held;
  }
};

TEST_F(UncopiedDamageTest, KeepsNoOtherSegmentFromBeingDropped) {
  leave_damage_without_copy();
  must_append(20, 400, 1000);
  EXPECT_GT(queue->stats().dropped_policy, 100u);
  EXPECT_TRUE(*fs.exists(options.state_dir / "queue" / "0000000000000001.segment"));
  EXPECT_LE(fs.disk_bytes(), options.max_bytes);
  expect_conservation();
}

TEST_F(UncopiedDamageTest, IsHeldByNameAndCopiedWhenThatWorks) {
  leave_damage_without_copy();
  ASSERT_EQ(held_copies().size(), 1u);
  const auto copy = options.state_dir / "quarantine" / "0000000000000001-4160";
  EXPECT_EQ(held_copies()[0].path, copy.string());
  EXPECT_NE(remedy_for(held_copies()[0]).find("may write to quarantine/"), std::string::npos);
  EXPECT_NE(held_copies()[0].reason.find("injected failure"), std::string::npos);
  fs.fail_names("");
  must_append(20, 40, 1000);
  EXPECT_EQ(queue->stats().quarantine_files, 0u) << "its time has not come";
  clock.advance(std::chrono::seconds(11));
  queue->held_files().retry_due();
  EXPECT_EQ(queue->stats().quarantine_files, 1u);
  EXPECT_TRUE(held_copies().empty());
  must_append(40, 41, 1000);
  close();
  EXPECT_FALSE(*fs.exists(options.state_dir / "queue" / "0000000000000001.segment"));
}

TEST_F(UncopiedDamageTest, IsNotTriedAgainWithEachRecord) {
  leave_damage_without_copy();
  const auto failures = queue->stats().write_failures;
  must_append(20, 60, 1000);
  EXPECT_EQ(queue->stats().write_failures, failures);
}

TEST_F(QueueFullTest, ADiskThatSomebodyElseFillsDoesNotDropSegmentAfterSegment) {
  options.max_bytes = 4u << 20;
  options.on_full = OnFull::drop_oldest;
  open();
  must_append(0, 500, 1000);
  fs.set_capacity(fs.disk_bytes() + 2000);  // no further segment
  fs.let_others_take_what_is_freed();
  std::uint32_t n = 500;
  while (append_async({record(n, 1000)}, std::chrono::milliseconds(0)).get()) ++n;
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(append_async({record(n, 1000)}, std::chrono::milliseconds(0)).get());
  }
  EXPECT_GT(queue->stats().dropped_policy, 0u);
  EXPECT_LT(queue->stats().dropped_policy, 120u) << "more than makes up for what was missing";
  expect_conservation();
}

}  // namespace
}  // namespace tracelink
