#include <gtest/gtest.h>

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/delivery_journal.hpp"
#include "daemon/queue/little_endian.hpp"
#include "daemon/queue/record_format.hpp"
#include "tests/support/queue_harness.hpp"

namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

std::string with_header_checksum(std::string header) {
  header.resize(header.size() - 4);
  append_le(header, crc32c(0, header));
  return header;
}

struct QueueDamageTest : testing::Test, QueueHarness {
  QueueDamageTest() { item = mixed; }
  static Record record(std::uint32_t n) { return mixed(n); }
  std::string bytes_of(std::size_t segment) { return fs.content(segment_path(segment)); }
  void flip(std::size_t segment, std::uint64_t offset) {
    auto bytes = bytes_of(segment);
    bytes.at(offset) = static_cast<char>(bytes.at(offset) ^ 0x10);
    fs.set_content(segment_path(segment), bytes);
  }
  std::uint64_t offset_of(std::uint32_t n) {
    return kSegmentHeaderBytes + n * stored_bytes(record(n));
  }
  static std::uint64_t spans(std::uint32_t from, std::uint32_t to) {
    std::uint64_t sum = 0;
    for (auto n = from; n < to; ++n) sum += record(n).slice.span_count;
    return sum;
  }
  static std::uint64_t changes(std::uint32_t from, std::uint32_t to) {
    std::uint64_t sum = 0;
    for (auto n = from; n < to; ++n) sum += changes_of(record(n));
    return sum;
  }
};

TEST_F(QueueDamageTest, ATornTailAtAnyByteCostsOnlyTheLastRecord) {
  open();
  must_append(0, 3);
  crash(Crash::keep_all);
  const auto path = segment_path(0);
  const auto whole = fs.content(path);
  const auto last = offset_of(2);
  ASSERT_EQ(whole.size(), offset_of(3));
  for (auto size = last; size < whole.size(); ++size) {
    fs.set_content(path, whole.substr(0, size));
    open();
    const bool complete = size >= last + kRecordHeaderBytes + kEnvelopeBytes + 40;
    EXPECT_EQ(drain_numbers(), numbers(0, complete ? 3 : 2)) << size;
    EXPECT_EQ(queue->stats().damaged, 0u);
    EXPECT_EQ(queue->stats().accepted, spans(0, complete ? 3 : 2));
    EXPECT_EQ(queue->stats().changes.accepted, changes(0, complete ? 3 : 2));
    expect_conservation();
    crash(Crash::keep_all);
  }
}

TEST_F(QueueDamageTest, EveryDamagedByteOfAClosedSegmentIsCountedAndTheRestIsUsed) {
  open();
  must_append(0, 5);
  close();
  const auto path = segment_path(0);
  const auto whole = fs.content(path);
  for (std::uint64_t at = offset_of(0); at < offset_of(5); at += 7) {
    fs.set_content(path, whole);
    flip(0, at);
    const auto hit =
        static_cast<std::uint32_t>((at - kSegmentHeaderBytes) / stored_bytes(record(0)));
    open();
    auto expected = numbers(0, 5);
    expected.erase(expected.begin() + hit);
    damage_reports = 0;
    EXPECT_EQ(drain_numbers(), expected) << at;
    // Without the header of the last record the footer is not believed, and recovery looks itself.
    const bool met_by_recovery = at >= offset_of(4) && at < offset_of(4) + kRecordHeaderBytes;
    EXPECT_EQ(damage_reports, met_by_recovery ? 0 : 1);
    EXPECT_EQ(queue->stats().damaged, record(hit).slice.span_count);
    EXPECT_EQ(queue->stats().changes.damaged, changes_of(record(hit)));
    EXPECT_EQ(queue->stats().queued_records, 4u);
    expect_conservation();
    crash(Crash::lose_unsynced);
  }
}

TEST_F(QueueDamageTest, WhatASegmentLostAtItsEndIsCountedByTheNextOne) {
  struct Loss {
    std::string (*damage)(const std::string& whole);
    std::uint32_t first_lost;
  };
  const Loss losses[] = {
      {[](const std::string& whole) { return std::string(whole.size(), '\x5a'); }, 0},
      {[](const std::string& whole) { return std::string(whole.size(), '\0'); }, 0},
      {[](const std::string&) { return std::string(); }, 0},
      {[](const std::string& whole) { return whole.substr(0, 100); }, 0},
      {[](const std::string& whole) {
         return whole.substr(0, kSegmentHeaderBytes) + std::string(whole.size(), '\x5a');
       },
       0},
      {[](const std::string& whole) { return whole.substr(0, whole.size() - 100); }, 2},
  };
  for (const bool with_footer : {true, false}) {
    for (const auto& loss : losses) {
      options.state_dir += "x";
      open();
      must_append(0, 3);
      with_footer ? close() : crash(Crash::keep_all);
      reopen();
      must_append(3, 5);
      close();
      const auto path = segment_path(0);
      const auto left = loss.damage(fs.content(path).substr(0, offset_of(3)));
      fs.set_content(path, left);
      auto expected = numbers(0, loss.first_lost);
      for (const auto n : numbers(3, 5)) expected.push_back(n);
      for (int life = 0; life < 3; ++life) {
        open();
        EXPECT_EQ(drain_numbers(), expected) << left.size();
        EXPECT_EQ(queue->stats().damaged, spans(loss.first_lost, 3)) << left.size();
        EXPECT_EQ(queue->stats().changes.damaged, changes(loss.first_lost, 3)) << left.size();
        EXPECT_EQ(queue->stats().accepted, spans(0, 5)) << left.size();
        EXPECT_EQ(queue->stats().changes.accepted, changes(0, 5)) << left.size();
        EXPECT_EQ(queue->stats().queued_records, expected.size()) << left.size();
        EXPECT_EQ(queue->stats().quarantine_files > 0, !left.empty()) << left.size();
        expect_conservation();
        life == 0 ? crash(Crash::keep_all) : close();
      }
    }
  }
}

TEST_F(QueueDamageTest, ATornTailStaysOneWhenTheNextSegmentIsThere) {
  open();
  must_append(0, 3);
  crash(Crash::keep_all);
  fs.set_content(segment_path(0), bytes_of(0).substr(0, offset_of(3) - 8));
  open();
  must_append(3, 5);
  reopen();
  EXPECT_EQ(drain_numbers(), (std::vector<std::uint32_t>{0, 1, 3, 4}));
  EXPECT_EQ(queue->stats().damaged, 0u);
  expect_conservation();
}

TEST_F(QueueDamageTest, TheNewestSegmentIsKeptForPeopleIfNothingOfItIsASegment) {
  open();
  must_append(0, 3);
  close();
  fs.set_content(segment_path(0), std::string(5000, '\x5a'));
  open();
  EXPECT_EQ(drain_numbers(), numbers(0, 0));
  EXPECT_EQ(queue->stats().quarantine_bytes, 5000u);
  expect_conservation();
}

TEST_F(QueueDamageTest, DamageIsCountedOnceOverManyLives) {
  open();
  must_append(0, 5);
  close();
  flip(0, offset_of(2) + 50);
  for (int life = 0; life < 4; ++life) {
    open();
    EXPECT_EQ(drain_numbers(), (std::vector<std::uint32_t>{0, 1, 3, 4}));
    EXPECT_EQ(queue->stats().damaged, record(2).slice.span_count);
    EXPECT_EQ(queue->stats().changes.damaged, changes_of(record(2)));
    EXPECT_EQ(queue->stats().accepted, spans(0, 5));
    EXPECT_EQ(queue->stats().changes.accepted, changes(0, 5));
    EXPECT_EQ(queue->stats().quarantine_files, 1u);
    expect_conservation();
    close();
  }
}

TEST_F(QueueDamageTest, ASegmentWithDamageIsDeletedWhenTheRestIsDone) {
  open();
  must_append(0, 5);
  close();
  flip(0, offset_of(0) + 50);
  flip(0, offset_of(4) + 50);
  open();
  for (const auto& stored : drain()) deliver(stored);
  reopen();
  EXPECT_TRUE(files(".segment").empty());
  EXPECT_EQ(queue->stats().damaged, record(0).slice.span_count + record(4).slice.span_count);
  EXPECT_EQ(queue->stats().changes.damaged, changes_of(record(0)) + changes_of(record(4)));
  EXPECT_EQ(queue->stats().accepted, spans(0, 5));
  EXPECT_EQ(queue->stats().changes.accepted, changes(0, 5));
  expect_conservation();
}

TEST_F(QueueDamageTest, RecoveryCountsDamageBelowTheDurableMark) {
  open();
  must_append(0, 5);
  crash(Crash::keep_all);
  flip(0, offset_of(1) + 20);
  flip(0, offset_of(2) + 90);
  open();
  EXPECT_EQ(queue->stats().damaged, spans(1, 3));
  EXPECT_EQ(queue->stats().changes.damaged, changes(1, 3));
  EXPECT_EQ(drain_numbers(), (std::vector<std::uint32_t>{0, 3, 4}));
  EXPECT_EQ(queue->stats().accepted, spans(0, 5));
  EXPECT_EQ(queue->stats().changes.accepted, changes(0, 5));
  EXPECT_EQ(queue->stats().quarantine_files, 1u);
  expect_conservation();
}

TEST_F(QueueDamageTest, DamageInAGroupThatWasNotAcknowledgedIsATornGroup) {
  open();
  must_append(0, 1);
  ASSERT_TRUE(append({record(1), record(2), record(3)}));
  crash(Crash::keep_all);
  flip(0, offset_of(2) + 50);
  open();
  EXPECT_EQ(queue->stats().damaged, 0u);
  EXPECT_EQ(drain_numbers(), (std::vector<std::uint32_t>{0, 1, 3}));
  expect_conservation();
}

TEST_F(QueueDamageTest, WhatWasDeliveredBeforeItsBytesWereDamagedStaysDelivered) {
  open();
  must_append(0, 3);
  for (const auto& stored : drain()) {
    if (number(stored.record) == 1) deliver(stored);
  }
  close();
  flip(0, offset_of(1) + 50);
  open();
  EXPECT_EQ(drain_numbers(), (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(queue->stats().damaged, 0u);
  EXPECT_EQ(queue->stats().delivered, record(1).slice.span_count);
  EXPECT_EQ(queue->stats().changes.delivered, changes_of(record(1)));
  expect_conservation();
}

TEST_F(QueueDamageTest, ADamagedSegmentHeaderCostsNothing) {
  open();
  must_append(0, 3);
  crash(Crash::keep_all);
  flip(0, 3);
  open();
  EXPECT_EQ(drain_numbers(), numbers(0, 3));
  expect_conservation();
}

TEST_F(QueueDamageTest, ADamagedFooterCostsOnlyAScan) {
  open();
  must_append(0, 3);
  close();
  flip(0, offset_of(3) + 45);
  open();
  EXPECT_EQ(drain_numbers(), numbers(0, 3));
  EXPECT_EQ(queue->stats().accepted, spans(0, 3));
  EXPECT_EQ(queue->stats().changes.accepted, changes(0, 3));
  expect_conservation();
}

TEST_F(QueueDamageTest, ASegmentOfAnotherIdHoldsNoRecords) {
  open();
  must_append(0, 3);
  close();
  const auto stranger = bytes_of(0);
  fs.set_content(options.state_dir / "queue" / "0000000000000007.segment", stranger);
  open();
  EXPECT_EQ(drain_numbers(), numbers(0, 3));
  expect_conservation();
}

TEST_F(QueueDamageTest, ASegmentOfALaterVersionWaitsForAProgramThatKnowsIt) {
  open();
  must_append(0, 3);
  close();
  auto bytes = bytes_of(0);
  bytes[8] = 99;
  bytes.replace(0, kHeaderCopyBytes, with_header_checksum(bytes.substr(0, kHeaderCopyBytes)));
  fs.set_content(segment_path(0), bytes);
  open();
  EXPECT_TRUE(drain_numbers().empty());
  EXPECT_EQ(queue->stats().held_files.size(), 1u);
  EXPECT_EQ(queue->stats().quarantine_files, 0u);
  must_append(3, 4);
  EXPECT_EQ(drain_numbers(), numbers(3, 4));
  EXPECT_EQ(fs.content(segment_path(0)), bytes);
}

TEST_F(QueueDamageTest, ASegmentOfALaterVersionWithADamagedHeaderWaitsToo) {
  open();
  must_append(0, 3);
  close();
  auto bytes = bytes_of(0);
  bytes[8] = 99;
  const auto copy = with_header_checksum(bytes.substr(0, kHeaderCopyBytes));
  bytes.replace(kHeaderCopyOffset, kHeaderCopyBytes, copy);  // the first copy is damaged now
  fs.set_content(segment_path(0), bytes);
  open();
  EXPECT_TRUE(drain_numbers().empty());
  ASSERT_EQ(queue->stats().held_files.size(), 1u);
  EXPECT_NE(remedy_for(queue->stats().held_files[0]).find("a later tracelinkd"), std::string::npos);
  EXPECT_EQ(queue->stats().quarantine_files, 0u);
  EXPECT_EQ(queue->stats().damaged, 0u);
  EXPECT_EQ(fs.content(segment_path(0)), bytes);
}

TEST_F(QueueDamageTest, ReadCountsARecordThatWasDamagedWhileInFlight) {
  open();
  must_append(0, 2);
  const auto all = drain();
  flip(0, offset_of(0) + 50);
  const auto again = queue->read(all[0].position);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::corrupt);
  EXPECT_EQ(queue->stats().damaged, record(0).slice.span_count);
  EXPECT_EQ(queue->stats().changes.damaged, changes_of(record(0)));
  expect_conservation();
  deliver(all[1]);
  reopen();
  EXPECT_TRUE(files(".segment").empty());
  EXPECT_EQ(queue->stats().damaged, record(0).slice.span_count);
  EXPECT_EQ(queue->stats().changes.damaged, changes_of(record(0)));
  expect_conservation();
}

TEST_F(QueueDamageTest, OneDamagedByteInTheCheckpointCostsNothing) {
  open();
  must_append(0, 3);
  for (const auto& stored : drain()) deliver(stored);
  reopen();
  close();
  const auto path = options.state_dir / "queue" / "checkpoint";
  const auto whole = fs.content(path);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    fs.set_content(path, damaged);
    open();
    EXPECT_EQ(queue->stats().delivered, spans(0, 3)) << at;
    EXPECT_EQ(queue->stats().changes.delivered, changes(0, 3)) << at;
    close();
  }
}

TEST_F(QueueDamageTest, ALostCheckpointIsSetAsideAndTheRecordsAreUsed) {
  open();
  must_append(0, 200, 200);
  ASSERT_TRUE(queue->count_removed_dead_letters(0, 0));
  close();
  fs.set_content(options.state_dir / "queue" / "checkpoint", "damaged");
  open();
  EXPECT_EQ(drain_numbers(), numbers(0, 200));
  EXPECT_EQ(queue->stats().quarantine_files, 1u);
  expect_conservation();
}

TEST_F(QueueDamageTest, ADamagedJournalEntryRepeatsOnlyItsOwnRecord) {
  open();
  must_append(0, 3);
  for (const auto& stored : drain()) deliver(stored);
  ASSERT_TRUE(queue->sync_journal());
  crash(Crash::keep_all);
  const auto path = options.state_dir / "queue" / files(".journal").at(0);
  auto bytes = fs.content(path);
  bytes.at(kJournalHeaderBytes + kJournalEntryBytes + 10) ^= 1;
  fs.set_content(path, bytes);
  open();
  EXPECT_EQ(drain_numbers(), numbers(1, 2));
  expect_conservation();
}

}  // namespace
}  // namespace tracelink
