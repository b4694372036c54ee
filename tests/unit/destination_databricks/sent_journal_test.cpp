#include "daemon/destination/databricks/sent_journal.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/text/hex.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Kind = SentEntry::Kind;
using Entries = std::vector<SentEntry>;

constexpr char kPath[] = "/sent-spans";

SentEntry sending(std::uint64_t trace) {
  return {.kind = Kind::sending, .trace = trace_id(trace), .spans = 2, .ids = {}};
}
SentEntry acknowledged(std::uint64_t trace) {
  return {.kind = Kind::acknowledged,
          .trace = trace_id(trace),
          .spans = 0,
          .ids = {span_id(1), span_id(2)}};
}

class SentJournalTest : public ::testing::Test {
 protected:
  SentJournal journal() { return {fs, kPath, clock}; }
  Entries read() { return *journal().open(); }
  FakeFileSystem fs;
  FakeClock clock;
};

TEST_F(SentJournalTest, WithoutAFileNothingIsKnownOfWhatWasAccepted) {
  SentJournal written = journal();
  EXPECT_EQ(*written.open(), Entries{});
  EXPECT_EQ(written.complete_since(), clock.wall());
  EXPECT_FALSE(written.append(Entries{sending(1)}));
}

TEST_F(SentJournalTest, KeepsWhatIsAppended) {
  SentJournal written = journal();
  ASSERT_TRUE(written.rewrite(Entries{acknowledged(1)}));
  ASSERT_TRUE(written.append(Entries{sending(2), sending(3)}));
  fs.crash();
  EXPECT_EQ(read(), (Entries{acknowledged(1), sending(2), sending(3)}));
}

TEST_F(SentJournalTest, ItKnowsSinceWhenItKnows) {
  const WallTime begun = clock.wall();
  SentJournal written = journal();
  ASSERT_TRUE(written.rewrite({}));
  clock.advance(std::chrono::hours(1));
  SentJournal next = journal();
  (void)next.open();
  EXPECT_EQ(next.complete_since(), begun);
}

TEST_F(SentJournalTest, BehindDamageNothingIsKnown) {
  SentJournal written = journal();
  ASSERT_TRUE(written.rewrite(Entries{acknowledged(1), sending(2)}));
  std::string content = fs.content(kPath);
  content[content.size() - 1] ^= 1;
  fs.set_content(kPath, content);
  clock.advance(std::chrono::hours(1));
  SentJournal next = journal();
  EXPECT_EQ(*next.open(), Entries{acknowledged(1)});
  EXPECT_EQ(next.complete_since(), clock.wall());
}

TEST_F(SentJournalTest, AFileThatCannotBeReadIsNotAnEmptyOne) {
  SentJournal written = journal();
  ASSERT_TRUE(written.rewrite(Entries{acknowledged(1)}));
  fs.fail_reads(kPath);
  SentJournal next = journal();
  const auto unread = next.open();
  ASSERT_FALSE(unread);
  EXPECT_EQ(unread.error().code, ErrorCode::io);
  fs.heal();
  EXPECT_EQ(*next.open(), Entries{acknowledged(1)});
}

TEST_F(SentJournalTest, NoByteOfAFileMakesItReadWhatIsNotThere) {
  SentJournal written = journal();
  ASSERT_TRUE(written.rewrite(Entries{acknowledged(1), sending(2)}));
  const std::string content = fs.content(kPath);
  for (std::size_t cut = 0; cut <= content.size(); ++cut) {
    fs.set_content(kPath, content.substr(0, cut));
    const Entries entries = read();
    EXPECT_EQ(entries.size(), cut == content.size()        ? 2u
                              : cut >= content.size() - 29 ? 1u
                                                           : 0u)
        << cut;
  }
}

// Whatever operation fails: what was said to be durable is there, or the file says that it does not
// know.
TEST_F(SentJournalTest, AFailedOperationLosesNothingThatWasPromised) {
  bool fired = true;
  for (std::uint64_t n = 0; fired; ++n) {
    SCOPED_TRACE(n);
    fs.fail_names("");
    (void)fs.remove(kPath);
    SentJournal written = journal();
    ASSERT_TRUE(written.rewrite({}));
    const WallTime begun = written.complete_since();
    clock.advance(std::chrono::seconds(1));
    fs.fail_operation(n);
    bool kept = written.append(Entries{acknowledged(1)}).has_value();
    if (!kept) kept = written.rewrite(Entries{acknowledged(1)}).has_value();
    fired = fs.fired();
    fs.crash();
    SentJournal next = journal();
    const Entries entries = *next.open();
    if (kept || next.complete_since() == begun) {
      EXPECT_EQ(entries, Entries{acknowledged(1)});
    }
  }
}

TEST_F(SentJournalTest, PinsTheBytesOfAFile) {
  SentJournal written = journal();
  ASSERT_TRUE(written.rewrite(Entries{acknowledged(1)}));
  const std::string hex = to_hex(fs.content(kPath));
  EXPECT_EQ(hex.substr(0, 32),
            "544c53454e540000"
            "0100000000000000");
  EXPECT_EQ(hex.size(), 2 * (32u + 8 + 21 + 16));
  EXPECT_EQ(hex.substr(64, 8), "25000000") << "a body of 37 bytes";
  EXPECT_EQ(hex.substr(80, 2 + 32 + 8), "02" + trace_id(1).hex() + "00000000");
  EXPECT_EQ(hex.substr(122), span_id(1).hex() + span_id(2).hex());
}

}  // namespace
}  // namespace tracelink
