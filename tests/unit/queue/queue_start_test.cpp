#include <algorithm>
#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/checkpoint.hpp"
#include "daemon/queue/little_endian.hpp"
#include "daemon/queue/queue_paths.hpp"
#include "tests/support/queue_harness.hpp"

// Starts on a disk on which something cannot be read, or is gone: unknown is not empty.
namespace tracelink {
namespace {

using Numbers = std::vector<std::uint32_t>;
constexpr std::uint64_t kIdJump = std::uint64_t{1} << 32;

struct QueueStartTest : testing::Test, QueueHarness {
  QueueStartTest() { item = mixed; }
  static Record record(std::uint32_t n) { return mixed(n); }
  std::filesystem::path in_queue(const std::string& name) const {
    return options.state_dir / "queue" / name;
  }
  // Segments of two records each; of every one but the first the even number is delivered.
  void write_segments(std::uint32_t segments) {
    for (std::uint32_t n = 0; n < 2 * segments; n += 2) {
      open();
      must_append(n, n + 2);
      for (const auto& stored : drain()) {
        const bool even = number(stored.record) % 2 == 0;
        if (n > 0 && number(stored.record) >= n && even) deliver(stored);
      }
      close();
    }
  }
  void retry() {
    clock.advance(std::chrono::seconds(11));
    queue->held_files().retry_due();
  }
  std::vector<std::string> held() {
    std::vector<std::string> names;
    for (const auto& file : queue->stats().held_files) {
      names.push_back(std::filesystem::path(file.path).filename());
    }
    return names;
  }
  Numbers drain_sorted() {
    auto all = drain_numbers();
    std::ranges::sort(all);
    return all;
  }
  // In the order of their numbers, which is that of their acceptance.
  std::vector<StoredRecord> drain_by_number() {
    auto all = drain();
    std::ranges::sort(all, {}, [](const auto& stored) { return number(stored.record); });
    return all;
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
  std::uint64_t newest_id() const { return *QueuePaths::parse_segment(files(".segment").back()); }
};

TEST_F(QueueStartTest, ASegmentThatCannotBeReadIsHeldAndTheOthersAreUsed) {
  write_segments(3);
  const auto name = files(".segment").at(1);
  const auto bytes = fs.content(in_queue(name));
  fs.fail_reads(name);
  open();
  EXPECT_EQ(held(), (std::vector<std::string>{name}));
  EXPECT_FALSE(queue->stats().totals_known);
  must_append(6, 7);
  EXPECT_EQ(drain_sorted(), (Numbers{0, 1, 5, 6}));
  retry();
  EXPECT_EQ(drain_sorted(), Numbers());
  EXPECT_EQ(fs.content(in_queue(name)), bytes);
  fs.heal();
  retry();
  EXPECT_TRUE(held().empty());
  EXPECT_EQ(drain_sorted(), (Numbers{3}));
  EXPECT_TRUE(queue->stats().totals_known);
  EXPECT_EQ(queue->stats().accepted, spans(0, 7));
  EXPECT_EQ(queue->stats().changes.accepted, changes(0, 7));
  EXPECT_EQ(queue->stats().delivered, record(2).slice.span_count + record(4).slice.span_count);
  EXPECT_EQ(queue->stats().changes.delivered, changes_of(record(2)) + changes_of(record(4)));
  EXPECT_EQ(queue->stats().damaged, 0u);
  expect_conservation();
}

TEST_F(QueueStartTest, AJournalThatCannotBeReadHoldsItsSegment) {
  write_segments(3);
  fs.fail_reads(files(".journal").at(0));
  open();
  EXPECT_EQ(held().size(), 1u);
  EXPECT_EQ(drain_sorted(), (Numbers{0, 1, 5}));
  fs.heal();
  retry();
  EXPECT_EQ(drain_sorted(), (Numbers{3}));
  expect_conservation();
}

TEST_F(QueueStartTest, WithoutTheCheckpointNothingIsDeletedAndNoIdIsUsedTwice) {
  write_segments(3);
  open();
  const auto all = drain();
  for (const auto& stored : all) {
    if (number(stored.record) < 2) deliver(stored);
  }
  close();  // the first segment is gone, the checkpoint counts it
  const auto checkpoint = fs.content(in_queue("checkpoint"));
  const auto names = files(".segment");
  fs.fail_reads("checkpoint");
  for (std::uint32_t life = 0; life < 2; ++life) {
    open();
    EXPECT_EQ(held(), (std::vector<std::string>{"checkpoint"}));
    must_append(6 + life, 7 + life);
    EXPECT_EQ(drain_sorted(), (Numbers{6 + life}));
    EXPECT_FALSE(queue->stats().totals_known);
    EXPECT_FALSE(queue->count_removed_dead_letters(0, 0));
    const auto id = newest_id();
    EXPECT_GE(id, kIdJump);
    close();
    EXPECT_EQ(fs.content(in_queue("checkpoint")), checkpoint);
    for (const auto& name : names) EXPECT_TRUE(*fs.exists(in_queue(name))) << name;
  }
  open();
  must_append(8, 9);
  fs.heal();
  retry();
  const auto given = drain_by_number();
  Numbers given_numbers;
  for (const auto& stored : given) given_numbers.push_back(number(stored.record));
  EXPECT_EQ(given_numbers, (Numbers{3, 5, 6, 7, 8}));
  const auto not_later =
      std::ranges::adjacent_find(given, std::greater_equal(), &StoredRecord::sequence);
  EXPECT_EQ(not_later, given.end()) << "sequence " << not_later->sequence << " comes again";
  EXPECT_TRUE(queue->stats().totals_known);
  EXPECT_EQ(queue->stats().accepted, spans(0, 9));
  EXPECT_EQ(queue->stats().changes.accepted, changes(0, 9));
  EXPECT_EQ(queue->stats().damaged, 0u);
  expect_conservation();
  close();
  open();
  EXPECT_EQ(queue->stats().accepted, spans(0, 9));
  EXPECT_EQ(queue->stats().changes.accepted, changes(0, 9));
  EXPECT_EQ(queue->stats().damaged, 0u);
  expect_conservation();
}

TEST_F(QueueStartTest, ACheckpointThatIsReadLateRaisesTheSequenceForGood) {
  constexpr std::uint64_t kUsed = std::uint64_t{1} << 50;
  Checkpoint checkpoint;
  checkpoint.next_sequence = kUsed;
  fs.set_content(in_queue("checkpoint"), encode_checkpoint(checkpoint));
  fs.fail_reads("checkpoint");
  open();
  must_append(0, 1);
  fs.heal();
  retry();
  must_append(1, 2);
  EXPECT_GE(queue->next_sequence(), kUsed);
}

TEST_F(QueueStartTest, ACheckpointOfALaterVersionWaitsForItsProgram) {
  write_segments(2);
  const auto ours = fs.content(in_queue("checkpoint"));
  auto copy = ours.substr(0, ours.size() / 2 - sizeof(std::uint32_t));
  copy[8] = 99;  // behind the magic
  append_le(copy, crc32c(0, copy));
  fs.set_content(in_queue("checkpoint"), copy + copy);
  open();
  EXPECT_EQ(held(), (std::vector<std::string>{"checkpoint"}));
  EXPECT_TRUE(drain().empty());
  close();
  EXPECT_EQ(fs.content(in_queue("checkpoint")), copy + copy);
  fs.set_content(in_queue("checkpoint"), ours);
  open();
  EXPECT_EQ(drain_sorted(), (Numbers{0, 1, 3}));
  expect_conservation();
}

TEST_F(QueueStartTest, ADirectoryThatCannotBeListedRefusesUntilItCan) {
  write_segments(2);
  fs.fail_reads("/queue", 0);
  open();
  const auto refused = append(record(4));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::io);
  EXPECT_FALSE(queue->knows_files());
  fs.heal();
  retry();
  retry();
  EXPECT_TRUE(queue->knows_files());
  must_append(4, 5);
  EXPECT_EQ(drain_sorted(), (Numbers{0, 1, 3, 4}));
  EXPECT_EQ(queue->stats().accepted, spans(0, 5));
  EXPECT_EQ(queue->stats().changes.accepted, changes(0, 5));
  expect_conservation();
}

TEST_F(QueueStartTest, WhatAnEarlierProcessAcceptedIsToldApartHoweverLateItIsFound) {
  write_segments(2);
  fs.fail_reads("/queue", 0);
  open();
  fs.heal();
  retry();
  must_append(4, 5);
  const auto all = drain();
  EXPECT_EQ(all.size(), 4u);
  for (const auto& stored : all) EXPECT_EQ(stored.earlier, number(stored.record) < 4);
}

TEST_F(QueueStartTest, WhatIsFoundWhenTheDirectoryIsListedLateIsOfEarlierRunsAtOnce) {
  for (std::uint32_t n = 0; n < 4; n += 2) {
    open();
    must_append(n, n + 2);
    crash(FakeFileSystem::Crash::keep_all);  // without a footer, so that the file is synced
  }
  fs.fail_reads("/queue", 0);
  open();
  queue->hold_earlier_records();
  fs.heal();
  Numbers given;
  int looks = 0;
  fs.set_on_sync([&] {
    ++looks;
    for (const auto n : drain_numbers()) given.push_back(n);
  });
  retry();
  fs.set_on_sync({});
  EXPECT_GE(looks, 2);
  EXPECT_EQ(given, Numbers());
  EXPECT_EQ(drain_numbers(), Numbers());
  queue->release_earlier_records();
  EXPECT_EQ(drain_sorted(), (Numbers{0, 1, 2, 3}));
}

TEST_F(QueueStartTest, WhatAVanishedSegmentHeldIsDamage) {
  for (const std::size_t gone : {0u, 1u, 2u}) {
    options.state_dir = "/gone" + std::to_string(gone);
    write_segments(4);
    const auto journals = files(".journal").size();
    fs.remove_entry(in_queue(files(".segment").at(gone)));
    const auto first = static_cast<std::uint32_t>(2 * gone);
    const auto lost = gone == 0 ? spans(0, 2) : spans(first + 1, first + 2);
    const auto lost_changes = gone == 0 ? changes(0, 2) : changes(first + 1, first + 2);
    Numbers left{0, 1, 3, 5, 7};
    std::erase_if(left, [&](auto n) { return n == first || n == first + 1; });
    for (int life = 0; life < 3; ++life) {
      open();
      EXPECT_EQ(drain_sorted(), left) << gone;
      EXPECT_EQ(queue->stats().damaged, lost) << gone;
      EXPECT_EQ(queue->stats().changes.damaged, lost_changes) << gone;
      EXPECT_EQ(queue->stats().accepted, spans(0, 8)) << gone;
      EXPECT_EQ(queue->stats().changes.accepted, changes(0, 8)) << gone;
      expect_conservation();
      life == 0 ? crash(FakeFileSystem::Crash::keep_all) : close();
    }
    EXPECT_LT(files(".journal").size(), journals + (gone == 0 ? 1 : 0));
  }
}

TEST_F(QueueStartTest, TheTotalsOfAVanishedCheckpointAreUnaccountedNotDamage) {
  write_segments(3);
  open();
  for (const auto& stored : drain()) {
    if (number(stored.record) < 2) deliver(stored);
  }
  close();
  fs.remove_entry(in_queue("checkpoint"));
  for (std::uint32_t life = 0; life < 3; ++life) {
    open();
    EXPECT_EQ(drain_sorted(), (Numbers{3, 5}));
    EXPECT_EQ(queue->stats().unaccounted, spans(0, 2));
    EXPECT_EQ(queue->stats().unaccounted_changes, changes(0, 2));
    EXPECT_EQ(queue->stats().damaged, 0u);
    EXPECT_EQ(queue->stats().accepted, spans(2, 6 + life));
    EXPECT_EQ(queue->stats().changes.accepted, changes(2, 6 + life));
    expect_conservation();
    must_append(6 + life, 7 + life);
    EXPECT_GE(newest_id(), kIdJump);
    for (const auto& stored : drain()) deliver(stored);
    close();
  }
}

TEST_F(QueueStartTest, DamagedBytesThatCannotBeCopiedKeepTheirSegment) {
  write_segments(1);
  auto bytes = fs.content(segment_path(0));
  bytes.at(bytes.find(record(0).slice.otlp)) ^= 1;
  fs.set_content(segment_path(0), bytes);
  fs.fail_names("0000000000000001-");  // the copy, and the journal
  open();
  for (const auto& stored : drain()) deliver(stored);
  EXPECT_GT(queue->stats().damaged, 0u);
  close();
  EXPECT_EQ(files(".segment").size(), 1u);
  fs.fail_names("");
  open();
  for (const auto& stored : drain()) deliver(stored);
  reopen();
  EXPECT_TRUE(files(".segment").empty());
  EXPECT_EQ(queue->stats().quarantine_files, 1u);
  expect_conservation();
}

// Each read of a start, and of what follows, fails once, for a while, or as long as the life lasts.
TEST_F(QueueStartTest, NoReadThatFailsLosesOrRepeatsAnything) {
  for (const std::uint64_t times : {std::uint64_t{1}, std::uint64_t{4}, FakeFileSystem::kForEver}) {
    for (std::uint64_t n = 0;; ++n) {
      SCOPED_TRACE(std::to_string(times) + " from read " + std::to_string(n));
      options.state_dir = "/s" + std::to_string(times) + "-" + std::to_string(n);
      write_segments(3);
      fs.fail_reads(options.state_dir, n, times);
      open();
      std::multiset<std::uint32_t> given;
      const auto deliver_all = [&] {
        for (const auto& stored : drain()) {
          given.insert(number(stored.record));
          deliver(stored);
        }
      };
      bool kept = false;
      for (int round = 0; round < 12; ++round, retry()) {
        if (!kept) kept = append(record(6)).has_value();
        deliver_all();
      }
      const bool fired = fs.fired();
      if (times == FakeFileSystem::kForEver) close();
      fs.heal();
      if (!queue) open();
      retry();
      retry();
      retry();
      if (!kept) must_append(6, 7);
      deliver_all();
      EXPECT_EQ(given, (std::multiset<std::uint32_t>{0, 1, 3, 5, 6}));
      EXPECT_TRUE(held().empty());
      EXPECT_TRUE(queue->stats().totals_known);
      EXPECT_EQ(queue->stats().damaged, 0u);
      EXPECT_EQ(queue->stats().accepted, spans(0, 7));
      EXPECT_EQ(queue->stats().changes.accepted, changes(0, 7));
      EXPECT_EQ(queue->stats().delivered, spans(0, 7));
      EXPECT_EQ(queue->stats().changes.delivered, changes(0, 7));
      expect_conservation();
      reopen();
      EXPECT_TRUE(files(".segment").empty());
      EXPECT_EQ(queue->stats().delivered, spans(0, 7));
      EXPECT_EQ(queue->stats().changes.delivered, changes(0, 7));
      EXPECT_EQ(queue->stats().damaged, 0u);
      expect_conservation();
      close();
      if (!fired || HasFailure()) break;
    }
  }
}

// The notes of the last life are neither replaced unread nor lost, and note_loads() tells whoever
// has asked for recent_notes() without them.
struct NotesAtStartTest : QueueStartTest {
  void write_notes() {
    open();
    must_append(0, 2);
    ASSERT_TRUE(queue->note({note(0), note(1)}));
    close();
  }
  bool knows(std::uint32_t n) const {
    const auto notes = queue->recent_notes();
    const auto& id = record(n).slice.trace_id;
    return std::ranges::find(notes, id, &TraceNote::trace_id) != notes.end();
  }
};

TEST_F(NotesAtStartTest, NoReadThatFailsReplacesThem) {
  for (const std::uint64_t times : {std::uint64_t{1}, std::uint64_t{2}, FakeFileSystem::kForEver}) {
    for (std::uint64_t n = 0;; ++n) {
      SCOPED_TRACE(std::to_string(times) + " from read " + std::to_string(n));
      options.state_dir = "/n" + std::to_string(times) + "-" + std::to_string(n);
      write_notes();
      fs.fail_reads("/queue", n, times);
      open();
      const bool known = knows(0);
      const auto loads = queue->note_loads();
      const bool noted = queue->note({note(2)}).has_value();
      const bool fired = fs.fired();
      fs.heal();
      retry();
      retry();
      EXPECT_TRUE(held().empty());
      EXPECT_TRUE(knows(0) && knows(1));
      EXPECT_EQ(knows(2), noted);
      EXPECT_TRUE(known || queue->note_loads() > loads);
      reopen();
      EXPECT_TRUE(knows(0) && knows(1));
      close();
      if (!fired || HasFailure()) break;
    }
  }
}

TEST_F(NotesAtStartTest, TheyAreHeldUnderTheirOwnNameOnceTheDirectoryIsListed) {
  write_notes();
  fs.fail_reads("/queue");
  open();
  EXPECT_FALSE(queue->note({note(2)})) << "where to is not known";
  fs.fail_reads("/queue/notes");
  retry();
  EXPECT_EQ(held(), (std::vector<std::string>{"notes"}));
  ASSERT_TRUE(queue->note({note(2)}));
  fs.heal();
  retry();
  EXPECT_TRUE(held().empty());
  EXPECT_TRUE(knows(0) && knows(1) && knows(2));
}

}  // namespace
}  // namespace tracelink
