#include "daemon/dead_letters/dead_letter_commands.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "daemon/dead_letters/dead_letter_json.hpp"
#include "tests/support/queue_harness.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Json = nlohmann::json;

class DeadLetterCommandsTest : public QueueHarness, public testing::Test {
 protected:
  void SetUp() override {
    open();
    store = std::make_unique<DeadLetterStore>(fs, kDirectory, 1u << 20);
    ASSERT_TRUE(store->load());
    commands = std::make_unique<DeadLetterCommands>(*store, *queue, clock);
  }
  void TearDown() override { close(); }

  // A trace of three spans that the server refused.
  std::string dead_letter(std::uint64_t trace = 1) {
    Record record = trace_record(trace, spans(1, 3), clock.wall());
    record.link = *queue->remember_link(link("agent", "v1"));
    record.peer = {.pid = 42, .uid = 1000, .gid = 1001};
    record.experiment = "12";
    EXPECT_TRUE(append(record));
    const StoredRecord stored = drain().at(0);
    DeadLetter letter;
    letter.trace_id = record.slice.trace_id;
    letter.segment_id = stored.position.segment_id;
    letter.offset = stored.position.offset;
    letter.spans = 3;
    letter.link = record.link;
    letter.experiment = record.experiment;
    letter.accepted_at = record.accepted_at;
    letter.accepted_sequence = stored.sequence;
    letter.peer = record.peer;
    letter.otlp = record.slice.otlp;
    letter.records = {{.sequence = stored.sequence, .dead_lettered = 3}};
    EXPECT_TRUE(store->write(letter));
    queue->complete({.position = stored.position, .dead_lettered = 3});
    EXPECT_TRUE(queue->sync_journal());
    EXPECT_TRUE(store->finish_pending(false));
    buried = record;
    buried.accepted_sequence = stored.sequence;
    return letter.id();
  }
  static std::string info_of_trace(std::uint64_t trace) {
    return Json{{"trace_id", "tr-" + trace_id(trace).hex()},
                {"trace_location", {{"mlflow_experiment", {{"experiment_id", "12"}}}}},
                {"client_request_id", "é\n"}}
        .dump();
  }
  // The info of a trace that the server refused, without any span.
  std::string dead_info(std::uint64_t trace) {
    DeadLetter letter;
    letter.trace_id = trace_id(trace);
    letter.segment_id = letter.offset = trace;
    letter.accepted_at = clock.wall();
    letter.info = info_of_trace(trace);
    EXPECT_TRUE(store->write(letter));
    EXPECT_TRUE(store->finish_pending(false));
    return letter.id();
  }
  void edit(const std::string& id, const std::function<void(Json&)>& change) {
    const auto path = kDirectory / (id + ".json");
    Json json = Json::parse(fs.content(path));
    change(json);
    fs.set_content(path, json.dump(2));
  }

  const std::filesystem::path kDirectory = "/state/dead-letters";
  std::unique_ptr<DeadLetterStore> store;
  std::unique_ptr<DeadLetterCommands> commands;
  Record buried;
};

TEST_F(DeadLetterCommandsTest, AReplayedTraceIsQueuedAsItWasAccepted) {
  const std::string id = dead_letter();
  ASSERT_TRUE(commands->replay(id));
  const auto records = drain();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].record, buried);
  EXPECT_EQ(store->list_json()->json, "[]");
  EXPECT_EQ(store->bytes(), 0u);
  const auto stats = queue->stats();
  EXPECT_EQ(stats.accepted, 3u);
  EXPECT_EQ(stats.queued_spans, 3u);
  EXPECT_EQ(stats.dead_lettered, 0u);
  expect_conservation();
}

TEST_F(DeadLetterCommandsTest, AReplayedTraceHasItsInfoAgain) {
  const std::string id = dead_letter();
  Json told = Json::parse(info_of_trace(1));
  told["tracelink.model"] = {{"name", "agent"}};  // what a provisional id stands for
  const std::string info = told.dump();
  edit(id, [&](Json& json) { json["trace_info"] = Json::parse(info); });
  ASSERT_TRUE(commands->replay(id));
  const auto records = drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].record.slice.trace_id, buried.slice.trace_id);
  EXPECT_EQ(records[0].record.slice.span_count, 3u);
  EXPECT_EQ(Json::parse(records[1].record.slice.info), Json::parse(info));
  EXPECT_EQ(records[1].record.slice.span_count, 0u);
  EXPECT_EQ(records[1].record.link, buried.link);
  EXPECT_EQ(queue->stats().queued_spans, 3u);
  expect_conservation();
}

TEST_F(DeadLetterCommandsTest, AnInfoAloneIsReplayedAndRemoved) {
  for (const bool replayed : {true, false}) {
    const std::string id = dead_info(replayed ? 1 : 2);
    ASSERT_EQ(Json::parse(store->list_json()->json).size(), 1u);
    const auto done = replayed ? commands->replay(id) : commands->remove(id);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(store->list_json()->json, "[]");
    EXPECT_EQ(drain().size(), replayed ? 1u : 0u);
  }
  EXPECT_EQ(queue->stats().replayed, 0u);
  EXPECT_EQ(queue->stats().dropped_removed, 0u);
}

// It has none of the balance, as one that was refused before changes were counted.
TEST_F(DeadLetterCommandsTest, AChangeAloneIsReplayedAndCountedFromThenOn) {
  const std::string id = dead_info(1);
  const std::string change = R"({"kind":"set_tag","body":{"key":"a","value":"b"}})";
  edit(id, [&](Json& json) {
    json.erase("trace_info");
    json["trace_change"] = Json::parse(change);
  });
  ASSERT_TRUE(commands->replay(id));
  const auto records = drain();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].record.slice.trace_id, trace_id(1));
  EXPECT_EQ(records[0].record.slice.change, change);
  EXPECT_EQ(store->list_json()->json, "[]");
  EXPECT_EQ(queue->stats().changes, (Totals{.accepted = 1}));
}

TEST_F(DeadLetterCommandsTest, ALetterThatDoesNotHaveTheChangeThatItCountsIsNotReplayed) {
  const std::string id = dead_info(1);
  const std::string change = R"({"kind":"set_tag","body":{"key":"a","value":"b"}})";
  edit(id, [&](Json& json) { json["changes"] = 1; });
  EXPECT_EQ(commands->replay(id).error().code, ErrorCode::invalid);
  edit(id, [&](Json& json) {
    json["changes"] = 2;
    json["trace_change"] = Json::parse(change);
  });
  EXPECT_EQ(commands->replay(id).error().code, ErrorCode::invalid);
  EXPECT_TRUE(drain().empty());
  const std::string of_spans = dead_letter(2);
  edit(of_spans, [&](Json& json) { json["trace_change"] = Json::parse(change); });
  EXPECT_EQ(commands->replay(of_spans).error().code, ErrorCode::invalid);
  EXPECT_TRUE(drain().empty());
  EXPECT_EQ(Json::parse(store->list_json()->json).size(), 2u);
}

// A damaged digit makes it look like one that was refused before changes were counted.
TEST_F(DeadLetterCommandsTest, AChangeThatItsRecordCountsIsNotReplayedAsUncounted) {
  const std::string id = dead_info(1);
  edit(id, [](Json& json) {
    json.erase("trace_info");
    json["trace_change"] = {{"kind", "set_tag"}, {"body", {{"key", "a"}, {"value", "b"}}}};
    json["records"] = Json::parse(R"([{"sequence":1,"dead_lettered":1}])");
  });
  EXPECT_EQ(commands->replay(id).error().code, ErrorCode::invalid);
  EXPECT_TRUE(drain().empty());
  EXPECT_EQ(queue->stats().changes, Totals{});
}

TEST_F(DeadLetterCommandsTest, AnInfoOfAnotherTraceIsNotReplayed) {
  const std::string id = dead_info(1);
  edit(id, [](Json& json) { json["trace_info"]["trace_id"] = "tr-" + std::string(32, '7'); });
  EXPECT_EQ(commands->replay(id).error().code, ErrorCode::invalid);
  EXPECT_EQ(Json::parse(store->list_json()->json).size(), 1u);
}

TEST_F(DeadLetterCommandsTest, ARemovedTraceCountsAsDroppedForEver) {
  const std::string id = dead_letter();
  ASSERT_TRUE(commands->remove(id));
  EXPECT_EQ(store->list_json()->json, "[]");
  EXPECT_EQ(queue->stats().dropped_removed, 3u);
  EXPECT_EQ(queue->stats().dead_lettered, 0u);
  reopen();
  EXPECT_EQ(queue->stats().dropped_removed, 3u);
  EXPECT_TRUE(drain().empty());
  expect_conservation();
}

TEST_F(DeadLetterCommandsTest, NothingIsBegunWhileTheTotalsAreNotKnown) {
  ASSERT_TRUE(commands->replay(dead_letter(1)));
  deliver(drain().at(0));
  const std::string id = dead_letter(2);
  close();
  fs.fail_reads("checkpoint");
  open();
  commands = std::make_unique<DeadLetterCommands>(*store, *queue, clock);
  EXPECT_EQ(commands->replay(id).error().code, ErrorCode::unavailable);
  EXPECT_EQ(commands->remove(id).error().code, ErrorCode::unavailable);
  EXPECT_TRUE(store->read_json(id));
  EXPECT_TRUE(drain().empty());
  fs.heal();
  clock.advance(std::chrono::seconds(11));
  queue->held_files().retry_due();
  ASSERT_TRUE(commands->finish_withdrawal());
  EXPECT_EQ(queue->stats().dead_lettered, 3u);
  ASSERT_TRUE(commands->replay(id));
  EXPECT_EQ(drain().size(), 1u);
  EXPECT_EQ(store->list_json()->json, "[]");
  EXPECT_EQ(queue->stats().queued_spans, 3u);
  EXPECT_EQ(queue->stats().dead_lettered, 0u);
  expect_conservation();
}

// A letter that an earlier run was replaying is among those that the store does not know.
TEST_F(DeadLetterCommandsTest, NothingIsBegunWhileTheLettersAreNotKnown) {
  const std::string interrupted = dead_letter(1);
  const std::string other = dead_letter(2);
  ASSERT_TRUE(store->begin({interrupted, Withdrawal::Kind::replay, 3}));
  reopen();
  store = std::make_unique<DeadLetterStore>(fs, kDirectory, 1u << 20);
  commands = std::make_unique<DeadLetterCommands>(*store, *queue, clock);
  fs.fail_reads("dead-letters", 0, 1);
  EXPECT_FALSE(store->load());
  EXPECT_EQ(commands->replay(other).error().code, ErrorCode::unavailable);
  EXPECT_EQ(commands->remove(other).error().code, ErrorCode::unavailable);
  EXPECT_EQ(store->begin({other, Withdrawal::Kind::removal, 3}).error().code,
            ErrorCode::unavailable);
  EXPECT_EQ(store->count(), 0u);
  EXPECT_TRUE(drain().empty());
  ASSERT_TRUE(store->load());
  ASSERT_TRUE(commands->take_up_letters());
  EXPECT_EQ(store->count(), 2u);
  for (const std::string& id : {interrupted, other}) ASSERT_TRUE(commands->replay(id));
  EXPECT_EQ(store->bytes(), 0u);
  EXPECT_EQ(drain().size(), 2u);
  expect_conservation();
}

// The letters could not be read at the start, and then they can.
TEST_F(DeadLetterCommandsTest, LettersThatAreReadLateCountAgainstTheBound) {
  dead_letter();
  reopen();
  store = std::make_unique<DeadLetterStore>(fs, kDirectory, 1u << 20);
  commands = std::make_unique<DeadLetterCommands>(*store, *queue, clock);
  const auto before = queue->stats().disk_bytes;
  ASSERT_TRUE(store->load());
  ASSERT_TRUE(commands->take_up_letters());
  EXPECT_GT(store->bytes(), 0u);
  EXPECT_EQ(queue->stats().disk_bytes, before + store->bytes());
}

TEST_F(DeadLetterCommandsTest, ARemovalThatIsReadLateIsFinished) {
  ASSERT_TRUE(store->begin({dead_letter(), Withdrawal::Kind::removal, 3}));
  reopen();
  store = std::make_unique<DeadLetterStore>(fs, kDirectory, 1u << 20);
  commands = std::make_unique<DeadLetterCommands>(*store, *queue, clock);
  ASSERT_TRUE(commands->take_up_letters()) << "nothing is known";
  EXPECT_EQ(queue->stats().dropped_removed, 0u);
  ASSERT_TRUE(store->load());
  ASSERT_TRUE(commands->take_up_letters());
  EXPECT_EQ(queue->stats().dropped_removed, 3u);
  EXPECT_EQ(store->bytes(), 0u);
}

TEST_F(DeadLetterCommandsTest, WhatIsNotThereIsAnError) {
  for (const std::string& id : {std::string("nothing"), std::string("../lock"), std::string()}) {
    EXPECT_EQ(commands->replay(id).error().code, ErrorCode::invalid);
    EXPECT_EQ(commands->remove(id).error().code, ErrorCode::invalid);
  }
}

TEST_F(DeadLetterCommandsTest, AFullQueueLeavesTheLetterAsItIs) {
  const std::string id = dead_letter();
  reopen();  // the next record needs a new segment
  commands = std::make_unique<DeadLetterCommands>(*store, *queue, clock);
  queue->set_external_bytes(options.max_bytes);
  EXPECT_EQ(commands->replay(id).error().code, ErrorCode::timeout);
  EXPECT_TRUE(store->read_json(id));
  EXPECT_EQ(queue->stats().dead_lettered, 3u);
  ASSERT_TRUE(commands->replay(id)) << "the room it took is known again";
}

TEST_F(DeadLetterCommandsTest, ALetterThatAPersonRepairedIsReplayedAsItIsNow) {
  const std::string id = dead_letter();
  edit(id, [](Json& letter) {
    letter["otlp"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] = "repaired";
  });
  ASSERT_TRUE(commands->replay(id));
  EXPECT_NE(drain().at(0).record.slice.otlp.find("repaired"), std::string::npos);
}

TEST_F(DeadLetterCommandsTest, ALetterThatDoesNotHoldWhatItCountsIsNotReplayed) {
  const std::string id = dead_letter();
  edit(id, [](Json& letter) {
    auto& kept = letter["otlp"]["resourceSpans"][0]["scopeSpans"][0]["spans"];
    kept.erase(kept.begin());
  });
  const auto replayed = commands->replay(id);
  ASSERT_FALSE(replayed);
  EXPECT_EQ(replayed.error().code, ErrorCode::invalid);
  EXPECT_NE(replayed.error().message.find("3 spans"), std::string::npos);
  EXPECT_TRUE(commands->remove(id)) << "it can still be removed";
  EXPECT_EQ(queue->stats().dropped_removed, 3u);
}

TEST_F(DeadLetterCommandsTest, ADamagedLetterIsRemovedByItsFirstLine) {
  const std::string id = dead_letter();
  const auto path = kDirectory / (id + ".json");
  const std::string text = fs.content(path);
  fs.set_content(path, text.substr(0, text.size() - 20));
  EXPECT_FALSE(commands->replay(id));
  ASSERT_TRUE(commands->remove(id));
  EXPECT_EQ(queue->stats().dropped_removed, 3u);
}

TEST_F(DeadLetterCommandsTest, ADamagedDigitOfItsCountIsNotBelieved) {
  const std::string id = dead_letter(1);
  dead_letter(2);
  const auto path = kDirectory / (id + ".json");
  std::string text = fs.content(path);
  const std::string count = "\"spans\":3";
  fs.set_content(path, text.replace(text.find(count), count.size(), "\"spans\":5"));
  ASSERT_TRUE(commands->remove(id));
  EXPECT_EQ(queue->stats().dropped_removed, 3u);
  EXPECT_EQ(queue->stats().dead_lettered, 3u);
  expect_conservation();
}

TEST_F(DeadLetterCommandsTest, NoLetterTakesMoreThanIsDeadLettered) {
  const std::string id = dead_letter(1);
  dead_letter(2);
  edit(id, [](Json& letter) { letter["spans"] = letter["records"][0]["dead_lettered"] = 7; });
  ASSERT_TRUE(commands->remove(id));
  EXPECT_EQ(queue->stats().dropped_removed, 3u);
  EXPECT_EQ(queue->stats().dead_lettered, 3u);
  expect_conservation();
}

TEST_F(DeadLetterCommandsTest, ALetterWithoutItsCountIsRemovedAsWhatNoOtherHas) {
  const std::string id = dead_letter(1);
  dead_letter(2);
  fs.set_content(kDirectory / (id + ".json"), "not JSON");
  ASSERT_TRUE(commands->remove(id));
  EXPECT_EQ(queue->stats().dropped_removed, 3u);
  EXPECT_EQ(queue->stats().dead_lettered, 3u);
}

// There may be 100,000, and the forwarder waits.
TEST_F(DeadLetterCommandsTest, ToRemoveADamagedLetterTheOthersAreReadOnce) {
  const std::string damaged = dead_letter(1);
  const std::string other = dead_letter(2);
  fs.set_content(kDirectory / (damaged + ".json"), "not JSON");
  fs.fail_reads(other, 2);  // one look is to open it, and to read it
  ASSERT_TRUE(commands->remove(damaged));
  EXPECT_FALSE(fs.fired());
  EXPECT_EQ(queue->stats().dropped_removed, 3u);
}

// The daemon listens only after a start, which so reads none of 100,000 letters.
TEST_F(DeadLetterCommandsTest, ARemovalThatNeedsAllLettersIsFinishedBehindTheStart) {
  const std::string damaged = dead_letter(1);
  const std::string other = dead_letter(2);
  fs.set_content(kDirectory / (damaged + ".json"), "not JSON");
  ASSERT_TRUE(store->begin({damaged, Withdrawal::Kind::removal, 3}));
  reopen();
  store = std::make_unique<DeadLetterStore>(fs, kDirectory, 1u << 20);
  commands = std::make_unique<DeadLetterCommands>(*store, *queue, clock);
  ASSERT_TRUE(store->load());
  fs.fail_reads(other);
  EXPECT_EQ(commands->take_up_letters().error().code, ErrorCode::unavailable);
  EXPECT_FALSE(fs.fired());
  fs.heal();
  ASSERT_TRUE(commands->finish_withdrawal());
  EXPECT_EQ(queue->stats().dropped_removed, 3u);
  EXPECT_EQ(queue->stats().dead_lettered, 3u);
  EXPECT_FALSE(store->under_way());
}

// A crash left the first of two records in its journal, the letter of both is damaged, and the
// second record was refused again.
TEST_F(DeadLetterCommandsTest, ADamagedPendingLetterCountsWhatNoOtherHas) {
  const std::string second = dead_letter(1);
  const std::string first = dead_letter(2);
  const std::string damaged = first + ".damaged";
  const std::string text = fs.content(kDirectory / (first + ".json"));
  fs.set_content(kDirectory / (damaged + ".json"), text);  // it counts three spans, as the other
  fs.remove_entry(kDirectory / (first + ".json"));
  EXPECT_EQ(commands->replay(damaged).error().code, ErrorCode::invalid);
  EXPECT_EQ(queue->stats().dead_lettered, 6u);
  ASSERT_TRUE(commands->remove(second));
  ASSERT_TRUE(commands->remove(damaged));
  EXPECT_EQ(queue->stats().dropped_removed, 6u);
  EXPECT_EQ(queue->stats().dead_lettered, 0u);
  expect_conservation();
}

}  // namespace
}  // namespace tracelink
