#include "daemon/dead_letters/dead_letter_store.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "daemon/dead_letters/dead_letter_json.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Json = nlohmann::json;

class DeadLetterStoreTest : public ::testing::Test {
 protected:
  Result<void> try_open() {
    auto opened = std::make_unique<DeadLetterStore>(*fs, kDirectory, max_bytes);
    if (auto loaded = opened->load(); !loaded) return loaded;
    store = std::move(opened);
    return {};
  }
  void open() { ASSERT_TRUE(try_open()); }

  // The n-th letter; what follows the other way round is when it was accepted.
  static DeadLetter letter(std::uint64_t n) {
    DeadLetter letter;
    letter.trace_id = trace_id(n);
    letter.accepted_at = WallTime(std::chrono::seconds(1'700'000'000 - n));
    letter.spans = 1;
    letter.reason = "refused";
    letter.otlp = encode_spans(letter.trace_id, {{}});
    return letter;
  }
  std::vector<std::string> listed(const char* key = "trace_id") {
    std::vector<std::string> values;
    for (const Json& entry : Json::parse(store->list_json()->json)) values.push_back(entry.at(key));
    return values;
  }
  std::uint64_t bytes_on_disk() {
    std::uint64_t bytes = 0;
    const auto names = fs->list(kDirectory);
    for (const auto& name : *names) {
      const std::uint64_t blocks = (fs->content(kDirectory / name).size() + 4095) / 4096;
      if (name.ends_with(".json")) bytes += 4096 * blocks + 512;
    }
    return bytes;
  }

  const std::filesystem::path kDirectory = "/state/dead-letters";
  std::uint64_t max_bytes = 1u << 20;
  std::unique_ptr<FakeFileSystem> fs = std::make_unique<FakeFileSystem>();
  std::unique_ptr<DeadLetterStore> store;
};

TEST_F(DeadLetterStoreTest, ListsOldestFirstAndReadsOne) {
  open();
  EXPECT_EQ(store->list_json()->json, "[]");
  for (const std::uint64_t n : {1u, 2u, 3u}) ASSERT_TRUE(store->write(letter(n)));
  EXPECT_EQ(listed(),
            (std::vector<std::string>{trace_id(3).hex(), trace_id(2).hex(), trace_id(1).hex()}));
  const auto whole = store->read_json(letter(2).id());
  ASSERT_TRUE(whole);
  EXPECT_TRUE(Json::parse(*whole).contains("otlp"));
  EXPECT_EQ(store->read_json("../lock").error().code, ErrorCode::invalid);
}

TEST_F(DeadLetterStoreTest, KnowsItsLettersAfterARestart) {
  open();
  ASSERT_TRUE(store->write(letter(1)));
  const auto bytes = store->bytes();
  fs->crash();
  open();
  EXPECT_EQ(store->count(), 1u);
  EXPECT_EQ(store->bytes(), bytes);
  EXPECT_EQ(bytes, bytes_on_disk());
}

// The daemon listens only after that, and there may be 100,000.
TEST_F(DeadLetterStoreTest, AStartLooksOnceAtEachFinishedLetterAndOpensNone) {
  open();
  for (const std::uint64_t n : {1u, 2u, 3u}) ASSERT_TRUE(store->write(letter(n)));
  ASSERT_TRUE(store->finish_pending(false));
  const auto bytes = store->bytes();
  fs->forbid(kDirectory / (letter(2).id() + ".json"));
  fs->fail_operation(2 + 3);  // behind making and listing the folder, and one for each letter
  open();
  EXPECT_FALSE(fs->fired());
  EXPECT_EQ(store->count(), 3u);
  EXPECT_EQ(store->bytes(), bytes);
}

TEST_F(DeadLetterStoreTest, WritingALetterAgainReplacesIt) {
  open();
  ASSERT_TRUE(store->write(letter(1)));
  DeadLetter again = letter(1);
  again.reason = "refused for another and longer reason";
  ASSERT_TRUE(store->write(again));
  EXPECT_EQ(store->count(), 1u);
  EXPECT_EQ(store->bytes(), bytes_on_disk());
  EXPECT_EQ(listed("reason"), std::vector<std::string>{again.reason});
}

TEST_F(DeadLetterStoreTest, AtItsBoundNothingIsWritten) {
  open();
  ASSERT_TRUE(store->write(letter(1)));
  max_bytes = store->bytes() + 10;
  open();
  EXPECT_EQ(store->write(letter(2)).error().code, ErrorCode::too_large);
  EXPECT_EQ(store->count(), 1u);
  EXPECT_TRUE(store->write(letter(1))) << "replacing needs no room";
}

TEST_F(DeadLetterStoreTest, LoadedOnceMoreItCountsNothingTwice) {
  open();
  ASSERT_TRUE(store->write(letter(1)));
  const auto bytes = store->bytes();
  ASSERT_TRUE(store->load());
  EXPECT_EQ(store->count(), 1u);
  EXPECT_EQ(store->bytes(), bytes);
}

TEST_F(DeadLetterStoreTest, AFileThatCannotBeReadIsListedWithTheReason) {
  fs->set_content(kDirectory / "broken.json", "nonsense");
  open();
  ASSERT_TRUE(store->write(letter(1)));
  const Json list = Json::parse(store->list_json()->json);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1]["id"], "broken");
  EXPECT_NE(list[1]["reason"].get<std::string>().find("cannot be read"), std::string::npos);
}

TEST_F(DeadLetterStoreTest, FilesThatAreNoLettersAreLeftAlone) {
  fs->set_content(kDirectory / "x.json.tmp", "half a letter");
  open();
  EXPECT_EQ(store->count(), 0u);
  EXPECT_EQ(store->bytes(), 0u);
}

// What was written is there after a crash, whatever operation failed before.
TEST_F(DeadLetterStoreTest, SurvivesEveryFailure) {
  bool fired = true;
  for (std::uint64_t n = 0; fired; ++n) {
    SCOPED_TRACE(n);
    store.reset();
    fs = std::make_unique<FakeFileSystem>();
    fs->fail_operation(n);
    std::vector<std::string> written;
    if (try_open()) {
      for (const std::uint64_t i : {3u, 2u, 1u}) {
        if (store->write(letter(i))) written.push_back(trace_id(i).hex());
      }
      ASSERT_GE(written.size(), 2u) << "one failure costs one letter at most";
    }
    fired = fs->fired();
    fs->crash();
    open();
    const auto all = listed();
    for (const std::string& id : written) {
      EXPECT_NE(std::ranges::find(all, id), all.end()) << id;
    }
    EXPECT_EQ(store->bytes(), bytes_on_disk());
    for (const Json& entry : Json::parse(store->list_json()->json)) {
      EXPECT_EQ(entry["reason"], "refused");
    }
  }
}

TEST_F(DeadLetterStoreTest, ACrashBeforeTheJournalLeavesALetterThatClaimsItsRecords) {
  open();
  DeadLetter early = letter(1);
  early.records = {{.sequence = 3, .dead_lettered = 1}, {.sequence = 5, .delivered = 2}};
  ASSERT_TRUE(store->write(early));
  EXPECT_FALSE(store->claim(3, trace_id(1))) << "of this run: the record is done";
  fs->crash();
  open();
  EXPECT_EQ(store->claim(3, trace_id(2)), std::nullopt) << "another trace";
  EXPECT_EQ(store->claim(4, trace_id(1)), std::nullopt);
  EXPECT_EQ(store->claim(5, trace_id(1)), early.records[1]);
  EXPECT_EQ(store->claim(3, trace_id(1)), early.records[0]);
  EXPECT_EQ(store->claim(3, trace_id(1)), std::nullopt) << "once";
  EXPECT_EQ(listed(), std::vector<std::string>{trace_id(1).hex()});
}

TEST_F(DeadLetterStoreTest, ALetterIsSettledOnceItsRecordsAreInTheJournal) {
  open();
  DeadLetter early = letter(1);
  early.records = {{.sequence = 3, .dead_lettered = 1}};
  ASSERT_TRUE(store->write(early));
  EXPECT_TRUE(store->has_pending());
  ASSERT_TRUE(store->finish_pending(false));
  EXPECT_FALSE(store->has_pending());
  EXPECT_EQ(fs->list(kDirectory)->size(), 1u);
  open();
  EXPECT_FALSE(store->claim(3, trace_id(1)));
  EXPECT_EQ(store->count(), 1u);
}

TEST_F(DeadLetterStoreTest, ALetterOfAnEarlierRunIsSettledWhenEverythingIsRead) {
  open();
  ASSERT_TRUE(store->write(letter(1)));
  open();
  const Withdrawal removal{letter(1).id(), Withdrawal::Kind::removal, 17};
  ASSERT_TRUE(store->finish_pending(false));
  EXPECT_EQ(store->begin(removal).error().code, ErrorCode::unavailable);
  ASSERT_TRUE(store->finish_pending(true));
  EXPECT_TRUE(store->begin(removal));
}

TEST_F(DeadLetterStoreTest, APendingLetterThatCannotBeReadKeepsItsTraceUntilItCan) {
  open();
  DeadLetter early = letter(1);
  early.records = {{.sequence = 3, .dead_lettered = 1}, {.sequence = 5, .dead_lettered = 1}};
  ASSERT_TRUE(store->write(early));
  ASSERT_TRUE(store->write(letter(2)));
  fs->fail_reads(early.id());
  open();
  ASSERT_EQ(store->unread_letters().size(), 1u);
  EXPECT_EQ(store->unread_letters()[0].path, kDirectory / (early.id() + ".pending.json"));
  EXPECT_TRUE(store->waits_for_letter(3, trace_id(1)));
  EXPECT_TRUE(store->waits_for_letter(9, trace_id(1))) << "it may have any record of the trace";
  EXPECT_FALSE(store->waits_for_letter(7, trace_id(2)));
  ASSERT_TRUE(store->finish_pending(true));
  EXPECT_TRUE(store->has_pending()) << "the other one is finished alone";
  EXPECT_FALSE(store->load_letter(early.id()));

  fs->heal();
  ASSERT_TRUE(store->load_letter(early.id()));
  EXPECT_TRUE(store->unread_letters().empty());
  EXPECT_FALSE(store->waits_for_letter(9, trace_id(1)));
  ASSERT_TRUE(store->finish_pending(true));
  EXPECT_TRUE(store->has_pending()) << "a record of it is to be read again first";
  EXPECT_EQ(store->claim(3, trace_id(1)), early.records[0]);
  ASSERT_TRUE(store->finish_pending(true));
  EXPECT_FALSE(store->has_pending());
}

TEST_F(DeadLetterStoreTest, AnUnreadablePendingLetterThatIsRemovedHoldsNothing) {
  open();
  ASSERT_TRUE(store->write(letter(1)));
  fs->fail_reads(letter(1).id());
  open();
  EXPECT_TRUE(store->waits_for_letter(3, trace_id(1)));
  fs->heal();
  fs->remove_entry(kDirectory / (letter(1).id() + ".pending.json"));
  ASSERT_TRUE(store->load_letter(letter(1).id()));
  EXPECT_FALSE(store->waits_for_letter(3, trace_id(1)));
  EXPECT_EQ(store->count(), 0u);
}

TEST_F(DeadLetterStoreTest, ASettlingThatFailsIsDoneTheNextTime) {
  open();
  ASSERT_TRUE(store->write(letter(1)));
  fs->fail_operation(0);
  EXPECT_FALSE(store->finish_pending(false));
  EXPECT_TRUE(store->finish_pending(false));
  EXPECT_FALSE(store->has_pending());
}

TEST_F(DeadLetterStoreTest, TheBoundCountsBlocksOfTheDisk) {
  open();
  for (const std::uint64_t n : {1u, 2u, 3u}) ASSERT_TRUE(store->write(letter(n)));
  EXPECT_EQ(store->bytes(), 3 * (4096u + 512u));
  max_bytes = 4 * (4096u + 512u) - 1;
  open();
  EXPECT_EQ(store->bytes(), 3 * (4096u + 512u)) << "the same after a restart";
  EXPECT_EQ(store->write(letter(4)).error().code, ErrorCode::too_large);
}

TEST_F(DeadLetterStoreTest, TheListHasPages) {
  for (int n = 0; n < 2'500; ++n) {
    const std::string name = std::to_string(100'000 + n).substr(1) + ".json";
    fs->set_content(kDirectory / name, "{\"id\":\"x\",\n");
  }
  open();
  const auto first = store->list_json();
  EXPECT_EQ(Json::parse(first->json).size(), 1'000u);
  EXPECT_EQ(first->last, "00999");
  EXPECT_TRUE(first->more);
  const auto second = store->list_json(first->last);
  EXPECT_EQ(second->last, "01999");
  const auto third = store->list_json(second->last);
  EXPECT_EQ(Json::parse(third->json).size(), 500u);
  EXPECT_FALSE(third->more);
  EXPECT_EQ(store->list_json(third->last)->json, "[]");
}

TEST_F(DeadLetterStoreTest, APageEndsWithItsBytes) {
  DeadLetter long_one = letter(1);
  long_one.reason = std::string(1'000, '\x01');
  long_one.answer.message = long_one.reason;
  open();
  max_bytes = 64u << 20;
  open();
  for (std::uint64_t n = 1; n <= 200; ++n) {
    long_one.trace_id = trace_id(n);
    ASSERT_TRUE(store->write(long_one));
  }
  const auto page = store->list_json();
  EXPECT_TRUE(page->more);
  EXPECT_LT(page->json.size(), (1u << 20) + kLongestFactsBytes);
}

TEST_F(DeadLetterStoreTest, AWithdrawalIsSeenAfterACrash) {
  open();
  ASSERT_TRUE(store->write(letter(1)));
  ASSERT_TRUE(store->finish_pending(false));
  const std::uint64_t bytes = store->bytes();
  const Withdrawal removal{letter(1).id(), Withdrawal::Kind::removal, 17};
  ASSERT_TRUE(store->begin(removal));
  EXPECT_EQ(store->list_json()->json, "[]");
  EXPECT_FALSE(store->begin(removal)) << "one at a time";
  fs->crash();
  open();
  ASSERT_EQ(store->under_way(), removal);
  EXPECT_EQ(store->bytes(), bytes) << "it still takes its room";
  ASSERT_TRUE(store->give_up());
  EXPECT_EQ(listed(), std::vector<std::string>{trace_id(1).hex()});
  ASSERT_TRUE(store->begin({letter(1).id(), Withdrawal::Kind::replay, 3}));
  ASSERT_TRUE(store->finish());
  fs->crash();
  open();
  EXPECT_EQ(store->bytes(), 0u);
  EXPECT_FALSE(store->under_way());
}

// The pending letter of an earlier run, with two records, after `change` to its bytes.
class DamagedPendingLetterTest : public DeadLetterStoreTest {
 protected:
  void damage(const std::function<void(std::string&)>& change) {
    open();
    early.records = {{.sequence = 3, .dead_lettered = 1}, {.sequence = 5, .dead_lettered = 1}};
    ASSERT_TRUE(store->write(early));
    fs->crash();
    const auto path = kDirectory / (early.id() + ".pending.json");
    std::string text = fs->content(path);
    change(text);
    fs->set_content(path, text);
    open();
  }
  DeadLetter early = letter(1);
  const std::string kDamaged = early.id() + ".damaged";
};

// The queue has these records whole, so they are never dead-lettered by what is not whole itself.
TEST_F(DamagedPendingLetterTest, ClaimsNothingWhateverByteIsWrong) {
  open();
  early.records = {{.sequence = 3, .dead_lettered = 1}, {.sequence = 5, .dead_lettered = 1}};
  const std::size_t bytes = write_dead_letter(early).size();
  for (std::size_t at = 0; at < bytes; at += 7) {
    SCOPED_TRACE(at);
    fs = std::make_unique<FakeFileSystem>();
    damage([at](std::string& text) { text[at] ^= 1; });
    EXPECT_FALSE(store->claim(3, trace_id(1)));
    EXPECT_FALSE(store->claim(5, trace_id(1)));
    EXPECT_FALSE(store->waits_for_letter(3, trace_id(1)));
    EXPECT_FALSE(store->has_pending());
    EXPECT_EQ(listed("id"), std::vector<std::string>{kDamaged});
    EXPECT_EQ(store->bytes(), bytes_on_disk());
  }
}

TEST_F(DamagedPendingLetterTest, IsNamedWithWhatToDo) {
  for (const char* text : {"", "nonsense", "{\"id\":\"x\",\n\"otlp\":{}"}) {
    fs = std::make_unique<FakeFileSystem>();
    damage([text](std::string& bytes) { bytes = text; });
    const Json entry = Json::parse(store->list_json()->json).at(0);
    EXPECT_EQ(entry["id"], kDamaged);
    EXPECT_EQ(entry["trace_id"], trace_id(1).hex());
    EXPECT_NE(entry["reason"].get<std::string>().find("damaged"), std::string::npos);
    EXPECT_EQ(*store->read_json(kDamaged), text);
    const auto notices = store->take_notices();
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_NE(notices[0].find(kDamaged), std::string::npos);
    EXPECT_NE(notices[0].find("dead-letters rm"), std::string::npos);
  }
}

TEST_F(DamagedPendingLetterTest, StaysBesideThatOfTheRecordsThatAreRefusedAgain) {
  damage([](std::string& text) { text.resize(text.size() / 2); });
  ASSERT_TRUE(store->write(early));
  EXPECT_EQ(listed("id"), (std::vector<std::string>{early.id(), kDamaged}));
  damage([](std::string& text) { text.resize(text.size() / 3); });
  EXPECT_EQ(listed("id"), (std::vector<std::string>{kDamaged, kDamaged + ".damaged"}));
  EXPECT_EQ(store->count(), 2u);
}

}  // namespace
}  // namespace tracelink
