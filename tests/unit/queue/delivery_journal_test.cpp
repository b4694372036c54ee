#include "daemon/queue/delivery_journal.hpp"

#include <gtest/gtest.h>

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/little_endian.hpp"
#include "tests/support/fake_file_system.hpp"

namespace tracelink {
namespace {

struct DeliveryJournalTest : testing::Test {
  Result<void> write(const SegmentKey& key, std::uint64_t generation,
                     const std::vector<JournalEntry>& entries) {
    return DeliveryJournal(fs, paths, key, generation).write(entries);
  }
  std::vector<std::uint64_t> offsets(const SegmentKey& key) const {
    std::vector<std::uint64_t> offsets;
    const auto entries = DeliveryJournal::load(fs, paths, key, 3);
    for (const auto& entry : *entries) offsets.push_back(entry.offset);
    return offsets;
  }
  using Offsets = std::vector<std::uint64_t>;

  static constexpr SegmentKey kKey{.segment_id = 5, .secret = 77};
  const QueuePaths paths{"/state"};
  FakeFileSystem fs;
};

TEST_F(DeliveryJournalTest, AppendsToOneFileThatIsOpenOnlyMeanwhile) {
  DeliveryJournal journal(fs, paths, kKey, 0);
  ASSERT_TRUE(journal.write(std::vector<JournalEntry>{{.offset = 4160}}));
  EXPECT_EQ(fs.open_files(), 0);
  ASSERT_TRUE(journal.write(std::vector<JournalEntry>{{.offset = 4168}}));
  EXPECT_EQ(fs.open_files(), 0);
  EXPECT_EQ(offsets(kKey), (Offsets{4160, 4168}));
  EXPECT_EQ(journal.generations(), 1u);
  EXPECT_EQ(fs.content(paths.journal(5, 0)).size(), kJournalHeaderBytes + 2 * kJournalEntryBytes);
}

TEST_F(DeliveryJournalTest, AFailedWriteBeginsANewFile) {
  DeliveryJournal journal(fs, paths, kKey, 0);
  ASSERT_TRUE(journal.write(std::vector<JournalEntry>{{.offset = 4160}}));
  for (std::uint64_t n = 0; n < 3; ++n) {  // open, append, sync
    fs.fail_operation(n);
    ASSERT_FALSE(journal.write(std::vector<JournalEntry>{{.offset = 4168}}));
    fs.fail_names("");
    fs.crash(FakeFileSystem::Crash::keep_all);
    ASSERT_TRUE(journal.write(std::vector<JournalEntry>{{.offset = 4168}}));
    EXPECT_EQ(journal.generations(), n + 2);
  }
}

TEST_F(DeliveryJournalTest, ADiskThatKeepsFailingLeavesNoFileForEachAttempt) {
  DeliveryJournal journal(fs, paths, kKey, 0);
  for (const std::uint64_t n : {0u, 1u, 2u, 3u, 4u, 1u, 2u, 3u}) {  // create, append, sync, …
    fs.fail_operation(n);
    ASSERT_FALSE(journal.write(std::vector<JournalEntry>{{.offset = 4160}}));
  }
  EXPECT_TRUE(fs.list("/state/queue")->empty());
  ASSERT_TRUE(journal.write(std::vector<JournalEntry>{{.offset = 4168}}));
  EXPECT_EQ(offsets(kKey), Offsets{4168});
  EXPECT_EQ(journal.generations(), 1u);
}

TEST_F(DeliveryJournalTest, EntriesOfAnotherUseOfTheIdCountNowhere) {
  ASSERT_TRUE(write({.segment_id = 5, .secret = 76}, 0, {{.offset = 4160}}));
  ASSERT_TRUE(write(kKey, 1, {{.offset = 4168}}));
  EXPECT_EQ(offsets(kKey), Offsets{4168});
}

TEST_F(DeliveryJournalTest, ASegmentThatIsGoneIsKnownByItsJournal) {
  ASSERT_TRUE(write(kKey, 0, {{.offset = 4160}}));
  EXPECT_EQ(offsets({.segment_id = 5, .version = 0}), Offsets{4160});
  fs.rename(paths.journal(5, 0), paths.journal(6, 0)).has_value();
  EXPECT_EQ(offsets({.segment_id = 6, .version = 0}), Offsets{});
}

TEST_F(DeliveryJournalTest, WhatIsNotedOfASegmentThatIsGoneIsRead) {
  constexpr SegmentKey kGone{.segment_id = 5, .version = 0};
  ASSERT_TRUE(write(kKey, 0, {{.offset = 4160}}));
  ASSERT_TRUE(write(kGone, 1, {{.offset = 4168}}));
  EXPECT_EQ(offsets(kGone), (Offsets{4160, 4168}));
}

TEST_F(DeliveryJournalTest, WhereNoRecordCanBeginNoneIsDone) {
  ASSERT_TRUE(
      write(kKey, 0, {{.offset = 0}, {.offset = 4152}, {.offset = 4161}, {.offset = 4160}}));
  EXPECT_EQ(offsets(kKey), Offsets{4160});
}

TEST_F(DeliveryJournalTest, ReadsVersion1) {
  std::string bytes = "TLJOURNL";
  append_le(bytes, std::uint32_t{1});
  append_le(bytes, std::uint64_t{5});
  append_le(bytes, crc32c(0, bytes));
  std::string entry;
  append_le(entry, std::uint64_t{64});
  for (int i = 0; i < 6; ++i) append_le(entry, std::uint32_t{0});
  append_le(entry, std::uint32_t{1});  // records
  append_le(entry, std::uint64_t{0});
  std::string id;
  append_le(id, std::uint64_t{5});
  append_le(entry, crc32c(crc32c(0, id), entry));
  fs.set_content(paths.journal(5, 0), bytes + entry);
  EXPECT_EQ(offsets({.segment_id = 5, .version = 1}), Offsets{64});
  EXPECT_EQ(offsets({.segment_id = 5, .version = 0}), Offsets{64});
  EXPECT_EQ(offsets(kKey), Offsets{});
}

}  // namespace
}  // namespace tracelink
