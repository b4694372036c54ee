#include "daemon/queue/trace_notes.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"

namespace tracelink {
namespace {

struct TraceNotesTest : testing::Test {
  void SetUp() override { open(); }
  void make() {
    links = std::make_unique<LinkStore>(fs, "/links", quarantine, held, reserve);
    notes = std::make_unique<TraceNotes>(fs, "/notes", clock, reserve, held, *links, 100);
  }
  void open() {
    make();
    const auto names = fs.list("/");
    notes->load(*names);
  }
  TraceNote note(std::uint8_t trace, TraceNote::Step step = TraceNote::Step::linked) {
    TraceNote note;
    note.step = step;
    note.root_delivered = true;
    note.start_ns = 5;
    note.at = clock.wall();
    note.trace_id.bytes[15] = trace;
    note.link.bytes[0] = trace;
    return note;
  }
  std::vector<int> traces() {
    std::vector<int> ids;
    for (const auto& note : notes->recent()) ids.push_back(note.trace_id.bytes[15]);
    return ids;
  }
  // With an empty queue.
  Result<void> add(const std::vector<TraceNote>& all) { return notes->add(all, clock.wall()); }
  void crash() {
    fs.crash();
    open();
  }

  FakeFileSystem fs;
  FakeClock clock;
  HeldFiles held{clock};
  DiskReserve reserve{fs, "/reserve", 4096};
  Quarantine quarantine{fs, "/quarantine", 0};
  std::unique_ptr<LinkStore> links;
  std::unique_ptr<TraceNotes> notes;
};

TEST_F(TraceNotesTest, AreDurableWhenAddReturns) {
  ASSERT_TRUE(add({note(1), note(2)}));
  ASSERT_TRUE(add({note(3)}));
  crash();
  EXPECT_EQ(traces(), (std::vector<int>{1, 2, 3}));
  const auto first = notes->recent().front();
  EXPECT_EQ(first.link, note(1).link);
  EXPECT_EQ(first.start_ns, 5u);
  EXPECT_EQ(first.at, clock.wall());
  EXPECT_TRUE(first.root_delivered);
}

TEST_F(TraceNotesTest, KeepTheNewestPerTraceOldestFirst) {
  ASSERT_TRUE(add({note(1), note(2)}));
  ASSERT_TRUE(add({note(1, TraceNote::Step::delivered)}));
  crash();
  EXPECT_EQ(traces(), (std::vector<int>{2, 1}));
  EXPECT_EQ(notes->recent().back().step, TraceNote::Step::delivered);
}

TEST_F(TraceNotesTest, ForgetAfterAnHourAndBeyondTheBound) {
  ASSERT_TRUE(add({note(1)}));
  clock.advance(std::chrono::minutes(61));
  ASSERT_TRUE(add({note(2)}));
  EXPECT_EQ(traces(), std::vector<int>{2});
  for (int n = 10; n < 210; ++n) ASSERT_TRUE(add({note(static_cast<std::uint8_t>(n))}));
  EXPECT_EQ(traces().size(), 100u);
  EXPECT_EQ(traces().front(), 110);
}

TEST_F(TraceNotesTest, AnOutageDoesNotMakeThemForget) {
  ASSERT_TRUE(add({note(1)}));
  const WallTime oldest_record = clock.wall() + std::chrono::minutes(59);
  clock.advance(std::chrono::hours(5));
  crash();
  ASSERT_TRUE(notes->add({note(2)}, oldest_record));
  EXPECT_EQ(traces(), (std::vector<int>{1, 2}));
  clock.advance(std::chrono::minutes(121));
  ASSERT_TRUE(notes->add({note(3)}, clock.wall() - std::chrono::hours(1)));
  EXPECT_EQ(traces(), std::vector<int>{3});
}

TEST_F(TraceNotesTest, SettingTheWallClockDoesNotMakeThemForget) {
  for (const auto by : {std::chrono::hours(30), std::chrono::hours(-30)}) {
    ASSERT_TRUE(add({note(1)}));
    clock.set_wall_by(by);
    ASSERT_TRUE(add({note(2)}));
    crash();
    ASSERT_TRUE(add({note(3)}));
    EXPECT_EQ(traces(), (std::vector<int>{1, 2, 3}));
  }
}

TEST_F(TraceNotesTest, SettingTheWallClockInAnOutageDoesNotMakeThemForget) {
  ASSERT_TRUE(add({note(1)}));
  clock.advance(std::chrono::hours(2));
  clock.set_wall_by(std::chrono::hours(30));
  const WallTime oldest_record = clock.wall() - std::chrono::hours(2);  // it came with the note
  ASSERT_TRUE(notes->add({note(2)}, oldest_record));
  EXPECT_EQ(traces(), (std::vector<int>{1, 2}));
}

TEST_F(TraceNotesTest, TheFileStaysBounded) {
  for (int n = 0; n < 20'000; ++n) ASSERT_TRUE(add({note(static_cast<std::uint8_t>(n % 50))}));
  EXPECT_LT(fs.disk_bytes(), 100'000u);
  crash();
  EXPECT_EQ(traces().size(), 50u);
}

TEST_F(TraceNotesTest, SurviveTheFailureOfAnyOperation) {
  for (std::uint64_t n = 0;; ++n) {
    ASSERT_TRUE(fs.remove("/notes"));
    open();
    ASSERT_TRUE(add({note(1)}));
    fs.fail_operation(n);
    const bool added = add({note(2)}).has_value();
    const bool fired = fs.fired();
    ASSERT_TRUE(add({note(3)}));
    crash();
    const auto all = traces();
    EXPECT_EQ(std::count(all.begin(), all.end(), 1), 1) << n;
    EXPECT_EQ(std::count(all.begin(), all.end(), 3), 1) << n;
    if (added) {
      EXPECT_EQ(std::count(all.begin(), all.end(), 2), 1) << n;
    }
    if (!fired) break;
  }
}

TEST_F(TraceNotesTest, SkipDamagedOnes) {
  ASSERT_TRUE(add({note(1), note(2), note(3)}));
  auto bytes = fs.content("/notes");
  bytes[16 + 56 + 20] ^= 1;
  fs.set_content("/notes", bytes);
  crash();
  EXPECT_EQ(traces(), (std::vector<int>{1, 3}));
}

TEST_F(TraceNotesTest, AFileThatCannotBeReadIsKeptAndJoinedLater) {
  ASSERT_TRUE(add({note(1), note(2)}));
  const auto unread = fs.content("/notes");
  fs.fail_reads("/notes");
  open();
  EXPECT_TRUE(traces().empty());
  ASSERT_EQ(held.list().size(), 1u);
  EXPECT_EQ(held.list()[0].path, "/notes");
  ASSERT_TRUE(add({note(3), note(2, TraceNote::Step::delivered)}));
  EXPECT_EQ(fs.content("/notes"), unread);
  fs.heal();
  clock.advance(std::chrono::seconds(1));
  held.retry_due();
  EXPECT_TRUE(held.list().empty());
  EXPECT_EQ(traces(), (std::vector<int>{1, 3, 2}));
  EXPECT_EQ(notes->loads(), 2u);
  EXPECT_EQ(notes->file_bytes(), 16u + 4 * 56u) << "until they are one file";
  EXPECT_EQ(notes->recent().back().step, TraceNote::Step::delivered);
  ASSERT_TRUE(add({note(4)}));
  EXPECT_FALSE(*fs.exists("/notes"));
  crash();
  EXPECT_EQ(traces(), (std::vector<int>{1, 3, 2, 4}));
}

TEST_F(TraceNotesTest, NothingIsWrittenBeforeTheFilesAreKnown) {
  ASSERT_TRUE(add({note(1)}));
  const auto unread = fs.content("/notes");
  make();
  EXPECT_EQ(add({note(2)}).error().code, ErrorCode::io);
  EXPECT_EQ(fs.content("/notes"), unread);
  EXPECT_EQ(notes->loads(), 0u);
  notes->load({"notes"});
  EXPECT_EQ(traces(), std::vector<int>{1});
  EXPECT_EQ(notes->loads(), 1u);
  ASSERT_TRUE(add({note(3)}));
  crash();
  EXPECT_EQ(traces(), (std::vector<int>{1, 3}));
}

// What a program that is newer has written is neither read nor replaced.
TEST_F(TraceNotesTest, AFileOfALaterVersionIsHeld) {
  std::string later("TLNOTES\0\2\0\0\0\0\0\0\0", 16);
  later.append(168, 'n');
  fs.set_content("/notes", later);
  crash();
  EXPECT_TRUE(traces().empty());
  ASSERT_EQ(held.list().size(), 1u);
  EXPECT_EQ(held.list()[0].path, "/notes");
  ASSERT_TRUE(add({note(3)}));
  EXPECT_EQ(fs.content("/notes"), later);
  crash();
  EXPECT_EQ(traces(), std::vector<int>{3});
}

TEST_F(TraceNotesTest, ADamagedVersionHidesNoNote) {
  ASSERT_TRUE(add({note(1), note(2)}));
  auto bytes = fs.content("/notes");
  bytes[8] = 7;
  fs.set_content("/notes", bytes);
  crash();
  EXPECT_EQ(traces(), (std::vector<int>{1, 2}));
  EXPECT_TRUE(held.list().empty());
}

TEST_F(TraceNotesTest, FilesThatCannotBeReadAreJoinedByTheNextStart) {
  ASSERT_TRUE(add({note(1)}));
  for (std::uint8_t life = 2; life < 5; ++life) {
    fs.fail_reads("/notes");
    open();
    ASSERT_TRUE(add({note(life)}));
    EXPECT_EQ(traces(), (std::vector<int>{life}));
  }
  fs.heal();
  open();
  EXPECT_EQ(traces(), (std::vector<int>{1, 2, 3, 4}));
}

// Links that traces named on a full disk: their definitions have no files.
struct NotesOfLinksWithoutFilesTest : TraceNotesTest {
  void SetUp() override {
    fs.set_capacity(512u << 10);  // there is room for notes, and none to spare
    reserve.resize(1u << 20);
    TraceNotesTest::SetUp();
  }
  // A note of a link whose name has so many characters.
  TraceNote named(std::uint8_t trace, std::size_t length) {
    LinkDefinition link;
    link.name = std::string(length, 'n');
    link.named_by_trace = true;
    TraceNote noted = note(trace);
    noted.link = *links->remember(link);
    return noted;
  }
  // Of the notes that are there, those whose link is not known.
  std::size_t without_link() {
    const auto all = notes->recent();
    return static_cast<std::size_t>(std::ranges::count_if(
        all, [this](const TraceNote& note) { return !links->find(note.link); }));
  }
};

TEST_F(NotesOfLinksWithoutFilesTest, BringTheLinksBack) {
  for (std::uint8_t length = 1; length < 70; ++length) ASSERT_TRUE(add({named(length, length)}));
  ASSERT_TRUE(add({named(70, 2'000), named(71, 2'000), note(72)}));
  crash();
  EXPECT_EQ(traces().size(), 72u);
  EXPECT_EQ(without_link(), 1u) << "that of the last one was never defined";
  ASSERT_TRUE(add({named(1, 1)}));  // all are written anew
  crash();
  EXPECT_EQ(without_link(), 1u);
}

// What add() did not say is durable was not sent: its records will name the link again.
TEST_F(NotesOfLinksWithoutFilesTest, NoCrashTakesTheLinkOfANoteThatIsDurable) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    for (std::uint64_t n = 0; n < 20; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n) + " seed " + std::to_string(seed));
      ASSERT_TRUE(fs.remove("/notes"));
      open();
      fs.lose_power_at(n);
      std::vector<LinkHash> durable;
      for (std::uint8_t trace = 1; trace <= 3; ++trace) {
        const auto other = static_cast<std::uint8_t>(trace + 3);
        const std::vector<TraceNote> added{named(trace, std::size_t{20} * trace),
                                           named(other, 100)};
        if (!add(added)) continue;
        for (const TraceNote& note : added) durable.push_back(note.link);
      }
      fs.crash(FakeFileSystem::Crash::keep_some, seed);
      open();
      for (const LinkHash& link : durable) ASSERT_TRUE(links->find(link));
    }
  }
}

TEST_F(NotesOfLinksWithoutFilesTest, TakeTheirRoomAfterAStartToo) {
  ASSERT_TRUE(add({named(1, 2'000)}));
  const std::uint64_t size = fs.content("/notes").size();
  EXPECT_EQ(notes->file_bytes(), size);
  crash();
  EXPECT_EQ(notes->file_bytes(), size);
}

TEST_F(NotesOfLinksWithoutFilesTest, HaveNoDefinitionOnceItsFileIsThere) {
  const TraceNote noted = named(1, 100);
  ASSERT_TRUE(add({noted}));
  const auto before = notes->file_bytes();
  fs.set_capacity(4u << 20);
  clock.advance(std::chrono::seconds(1));
  held.retry_due();
  ASSERT_TRUE(held.list().empty());
  open();
  ASSERT_TRUE(add({noted}));
  EXPECT_LT(notes->file_bytes(), before);
}

}  // namespace
}  // namespace tracelink
