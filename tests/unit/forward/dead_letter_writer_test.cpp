#include "daemon/forward/dead_letter_writer.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "daemon/dead_letters/dead_letter_json.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/fake_source.hpp"
#include "tests/support/log_capture.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// One trace that was read from the queue and is to be dead-lettered.
class DeadLetterWriterTest : public ::testing::Test {
 protected:
  DeadLetterWriterTest() { spdlog::set_level(spdlog::level::off); }

  void open(std::uint64_t max_bytes = 1u << 20) {
    dead_letter_writer.reset();
    store = std::make_unique<DeadLetterStore>(*fs, "/dead-letters", max_bytes);
    ASSERT_TRUE(store->load());
    ledger = std::make_unique<DeliveryLedger>(source, clock, [](const TraceId&) { return false; });
    reporter = std::make_unique<Reporter>(clock);
    dead_letter_writer = std::make_unique<DeadLetterWriter>(
        source, *store, *ledger, *reporter, clock, [this](const TraceId&) { ++finished; });
  }
  void begin_anew() {
    dead_letter_writer.reset();
    store.reset();
    fs = std::make_unique<FakeFileSystem>();
    source = FakeSource();
    accept();
    open();
  }
  // Two records of one trace, `span_count` spans in all.
  void accept(std::uint64_t span_count = 4) {
    source.append(trace_record(1, spans(1, 2), clock.wall()));
    source.append(trace_record(1, spans(3, span_count), clock.wall()));
  }
  TraceWork read() {
    TraceWork work;
    work.trace_id = trace_id(1);
    work.accepted_at = clock.wall();
    work.group.link = link_of('a');
    for (auto next = source.next(); *next; next = source.next()) {
      const StoredRecord& stored = **next;
      work.parts.push_back({stored.position, stored.record.slice.span_count, 0, stored.sequence});
    }
    return work;
  }
  // Traces of one record, for which there is no room at first.
  std::vector<Position> park(std::uint64_t first, std::uint64_t last) {
    std::vector<Position> positions;
    source.fail_notes(true);
    for (std::uint64_t trace = first; trace <= last; ++trace) {
      positions.push_back(source.append(trace_record(trace, spans(1, 2), clock.wall())));
      TraceWork work = read();
      work.trace_id = trace_id(trace);
      dead_letter_writer->dead_letter(std::move(work), "refused", refusal());
    }
    source.fail_notes(false);
    return positions;
  }
  static Failure refusal() {
    Failure failure;
    failure.message = "no";
    return failure;
  }
  Json letters() { return Json::parse(store->list_json()->json); }

  FakeClock clock;
  std::unique_ptr<FakeFileSystem> fs = std::make_unique<FakeFileSystem>();
  FakeSource source;
  std::unique_ptr<DeadLetterStore> store;
  std::unique_ptr<DeliveryLedger> ledger;
  std::unique_ptr<Reporter> reporter;
  std::unique_ptr<DeadLetterWriter> dead_letter_writer;
  int finished = 0;
};

TEST_F(DeadLetterWriterTest, TellsTheTraceAndWhatToDo) {
  open();
  accept();
  LogCapture log;
  Failure answer = refusal();
  answer.remedy = "upgrade it";
  dead_letter_writer->dead_letter(read(), "refused", answer);
  EXPECT_EQ(log.take(), std::vector<std::string>{
                            "warning dead letter written trace_id=" + trace_id(1).hex() +
                            R"( spans=4 model="model-a" reason="refused" remedy="upgrade it")"});
}

TEST_F(DeadLetterWriterTest, BuriesAWholeTrace) {
  open();
  accept();
  dead_letter_writer->dead_letter(read(), "refused", refusal());
  const Json all = letters();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["spans"], 4);
  EXPECT_EQ(all[0]["model"], "model-a");
  EXPECT_EQ(all[0]["answer"]["message"], "no");
  EXPECT_EQ(source.totals(), (FakeSource::Totals{.accepted = 4, .dead_lettered = 4}));
  EXPECT_EQ(source.external_bytes(), store->bytes());
  EXPECT_EQ(finished, 1);
  EXPECT_EQ(dead_letter_writer->dead_lettered(), 1u);
}

TEST_F(DeadLetterWriterTest, BuriesTheBadSpansOfAnIsolatedTrace) {
  open();
  accept();
  TraceWork work = read();
  work.bisection = std::make_unique<Bisection>(Bisection{SpanBisection(4), refusal(), true});
  SpanBisection& search = work.bisection->search;
  search.current_delivered();  // the first two
  search.current_refused();    // the last two
  search.current_refused();    // the third one
  search.current_delivered();
  dead_letter_writer->dead_letter(std::move(work), "refused", refusal());
  EXPECT_EQ(source.totals(),
            (FakeSource::Totals{.accepted = 4, .delivered = 3, .dead_lettered = 1}));
  const Json whole = Json::parse(*store->read_json(letters()[0]["id"]));
  const Json& scope = whole["otlp"]["resourceSpans"][0]["scopeSpans"];
  ASSERT_EQ(scope.size(), 1u);
  ASSERT_EQ(scope[0]["spans"].size(), 1u);
  EXPECT_EQ(scope[0]["spans"][0]["name"], "span 3");
}

TEST_F(DeadLetterWriterTest, AnIsolationThatFoundNothingWritesNoLetter) {
  open();
  accept();
  TraceWork work = read();
  work.bisection = std::make_unique<Bisection>(Bisection{SpanBisection(4), refusal(), true});
  dead_letter_writer->dead_letter(std::move(work), "refused", refusal());
  EXPECT_EQ(source.totals(), (FakeSource::Totals{.accepted = 4, .delivered = 4}));
  EXPECT_EQ(store->count(), 0u);
}

TEST_F(DeadLetterWriterTest, TheLinkOfABuriedTraceIsFixed) {
  open();
  accept();
  source.fail_notes(true);
  dead_letter_writer->dead_letter(read(), "refused", refusal());
  EXPECT_EQ(dead_letter_writer->parked_traces(), 1u);
  source.fail_notes(false);
  clock.advance(minutes(1));
  dead_letter_writer->retry_due();
  EXPECT_EQ(source.totals().dead_lettered, 4u);
  EXPECT_EQ(ledger->recent(trace_id(1))->link, link_of('a'));
}

TEST_F(DeadLetterWriterTest, WhatFindsNoRoomStaysParkedAndIsTriedEachMinute) {
  open(10);
  accept();
  dead_letter_writer->dead_letter(read(), "refused", refusal());
  EXPECT_EQ(dead_letter_writer->parked_traces(), 1u);
  EXPECT_EQ(dead_letter_writer->parked_records(), 2u);
  EXPECT_EQ(source.totals().queued, 4u);
  EXPECT_EQ(dead_letter_writer->next_due(), clock.steady() + minutes(1));
  ASSERT_TRUE(reporter->last_error());
  EXPECT_NE(reporter->last_error()->remedy.find("make room"), std::string::npos);
  clock.advance(minutes(1));
  dead_letter_writer->retry_due();
  EXPECT_EQ(dead_letter_writer->parked_traces(), 1u);
  EXPECT_EQ(finished, 0);
}

TEST_F(DeadLetterWriterTest, ThoseThatCannotBeWrittenHoldNoOtherBack) {
  open();
  for (const Position& at : park(1, 19)) source.fail_reads_of(at);
  park(20, 20);
  clock.advance(minutes(1));
  dead_letter_writer->retry_due();
  EXPECT_EQ(dead_letter_writer->next_due(), clock.steady() + milliseconds(60'000 / 16))
      << "16 in a minute";
  for (int n = 0; n < 90; ++n) {
    clock.advance(seconds(1));
    dead_letter_writer->retry_due();
  }
  EXPECT_EQ(dead_letter_writer->parked_traces(), 19u);
  EXPECT_EQ(source.totals().dead_lettered, 2u);
}

TEST_F(DeadLetterWriterTest, WhereThereIsRoomAgainTheyFollowEachOther) {
  open();
  park(1, 20);
  clock.advance(minutes(1));
  fs->set_on_sync([this] { clock.advance(milliseconds(10)); });
  for (int n = 0; n < 20; ++n) {
    const SteadyTime began = clock.steady();
    dead_letter_writer->retry_due();
    const auto took = clock.steady() - began;
    EXPECT_GT(took, milliseconds(0));
    const SteadyTime next = dead_letter_writer->next_due().value_or(clock.steady() + took);
    EXPECT_EQ(next, clock.steady() + took) << "as long for deliveries";
    clock.advance(took);
  }
  EXPECT_EQ(dead_letter_writer->parked_traces(), 0u);
  EXPECT_EQ(store->count(), 20u);
}

TEST_F(DeadLetterWriterTest, AFullDiskIsToldFromTheBound) {
  open();
  accept();
  fs->set_capacity(0);
  dead_letter_writer->dead_letter(read(), "refused", refusal());
  EXPECT_EQ(dead_letter_writer->parked_traces(), 1u);
  ASSERT_TRUE(reporter->last_error());
  EXPECT_EQ(reporter->last_error()->remedy, "free space on the volume of state_dir");
}

TEST_F(DeadLetterWriterTest, ATraceWhoseRecordsAreLostIsFinished) {
  open();
  accept();
  TraceWork work = read();
  for (const Part& part : work.parts) source.lose(part.position);
  dead_letter_writer->dead_letter(std::move(work), "refused", refusal());
  EXPECT_EQ(finished, 1);
  EXPECT_EQ(store->count(), 0u);
  EXPECT_EQ(source.totals(), (FakeSource::Totals{.accepted = 4, .damaged = 4}));
}

TEST_F(DeadLetterWriterTest, RecordsThatAreNotOtlpAreBuriedAsTheyAre) {
  open();
  Record record = trace_record(1, spans(1, 3), clock.wall());
  record.slice.otlp = "\x0a\xff";
  source.append(std::move(record));
  dead_letter_writer->dead_letter(read(), "its spans cannot be merged", {});
  EXPECT_EQ(source.totals(), (FakeSource::Totals{.accepted = 3, .dead_lettered = 3}));
  EXPECT_EQ(Json::parse(*store->read_json(letters()[0]["id"]))["otlp_hex"], "0aff");
}

// Two records, and the process dies when the journal has the first one only.
TEST_F(DeadLetterWriterTest, WhatACrashCutsInTwoIsCompletedAsTheLetterSays) {
  open();
  accept();
  dead_letter_writer->dead_letter(read(), "refused", refusal());
  fs->crash();
  source.restart(true);  // neither is in the journal
  open();
  for (auto next = source.next(); *next; next = source.next()) {
    EXPECT_TRUE(dead_letter_writer->complete_if_dead_lettered(**next));
  }
  EXPECT_EQ(source.totals(), (FakeSource::Totals{.accepted = 4, .dead_lettered = 4}));
  EXPECT_EQ(letters()[0]["spans"], 4);
  dead_letter_writer->all_read();
  clock.advance(minutes(1));
  ASSERT_TRUE(ledger->sync());
  EXPECT_FALSE(store->has_pending());
}

TEST_F(DeadLetterWriterTest, ARecordThatTheLetterCountsOtherwiseIsNotTouched) {
  open();
  accept();
  dead_letter_writer->dead_letter(read(), "refused", refusal());
  fs->crash();
  const std::string path = "/dead-letters/" + fs->list("/dead-letters")->front();
  const std::string text = fs->content(path);
  DeadLetter letter = *read_dead_letter(text);
  letter.records = dead_letter_records(text)->ends;
  letter.records[0].dead_lettered = 1;
  fs->set_content(path, write_dead_letter(letter));
  source.restart(true);
  open();
  EXPECT_FALSE(dead_letter_writer->complete_if_dead_lettered(**source.next()));
  EXPECT_TRUE(dead_letter_writer->complete_if_dead_lettered(**source.next()));
}

// File first, journal after: whatever fails, what counts as dead-lettered is on the disk, and what
// is on the disk is counted in the end.
TEST_F(DeadLetterWriterTest, TheFileIsThereBeforeTheJournalSaysSo) {
  bool fired = true;
  for (std::uint64_t n = 0; fired; ++n) {
    SCOPED_TRACE(n);
    begin_anew();
    fs->fail_operation(n);
    dead_letter_writer->dead_letter(read(), "refused", refusal());
    fired = fs->fired();
    const bool counted = source.totals().dead_lettered > 0;
    fs->crash();
    open();
    EXPECT_TRUE(store->count() == 1 || !counted);
    if (counted) continue;
    source.restart();
    dead_letter_writer->dead_letter(read(), "refused", refusal());
    EXPECT_EQ(source.totals().dead_lettered, 4u);
    EXPECT_EQ(store->count(), 1u) << "the same file again";
  }
}

TEST_F(DeadLetterWriterTest, AFailureOfTheDiskIsRetried) {
  bool fired = true;
  for (std::uint64_t n = 0; fired; ++n) {
    SCOPED_TRACE(n);
    begin_anew();
    fs->fail_operation(n);
    dead_letter_writer->dead_letter(read(), "refused", refusal());
    fired = fs->fired();
    if (dead_letter_writer->parked_traces() == 1) {
      EXPECT_NE(reporter->last_error()->remedy.find("disk"), std::string::npos);
    }
    clock.advance(minutes(1));
    dead_letter_writer->retry_due();
    EXPECT_EQ(dead_letter_writer->parked_traces(), 0u);
    EXPECT_EQ(source.totals().dead_lettered, 4u);
    fs->crash();
    open();
    EXPECT_EQ(store->count(), 1u);
  }
}

}  // namespace
}  // namespace tracelink
