#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "daemon/dead_letters/dead_letter_commands.hpp"
#include "tests/support/queue_harness.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

constexpr std::uint64_t kSpans = 2;  // of each letter that has any

enum class Of { spans, changes, nothing };

// A queue with two dead letters, on a disk that misbehaves later.
class Scenario : public QueueHarness {
 public:
  explicit Scenario(Of letters) : of_changes(letters == Of::changes) {
    open_all();
    if (letters == Of::nothing) return;
    dead_letter(1);
    close();
    open_all();
    id = dead_letter(2);
  }
  void open_all() {
    open();
    store = std::make_unique<DeadLetterStore>(fs, options.state_dir / "dead-letters", 1u << 20);
    const auto loaded = store->load();
    ASSERT_TRUE(loaded) << loaded.error().message;
    commands = std::make_unique<DeadLetterCommands>(*store, *queue, clock);
    const auto finished = commands->finish_withdrawal();
    ASSERT_TRUE(finished) << finished.error().message;
  }
  void crash_and_open(Crash how, std::uint64_t seed) {
    crash(how, static_cast<std::uint32_t>(seed));
    open_all();
  }

  std::vector<std::string> ids() const {
    std::vector<std::string> all;
    for (const auto& letter : nlohmann::json::parse(store->list_json()->json)) {
      all.push_back(letter["id"]);
    }
    return all;
  }
  // Commands on the second letter, whose record is not done in the journal yet.
  bool replay() { return commands->replay(id).has_value(); }
  bool remove() { return commands->remove(id).has_value(); }
  // What came back is delivered, and that is durable.
  void deliver_replayed() {
    for (const StoredRecord& stored : drain()) deliver(stored);
    (void)queue->sync_journal().has_value();
  }
  // As the forwarder does: what a letter claims is completed; the number of records left.
  std::size_t read_all() {
    std::size_t queued = 0;
    for (const StoredRecord& stored : drain()) {
      const auto end = store->claim(stored.sequence, stored.record.slice.trace_id);
      if (end) {
        queue->complete({.position = stored.position, .dead_lettered = end->dead_lettered});
      } else {
        ++queued;
      }
    }
    return queued;
  }

  // Each of the spans, or changes, is in one place, and is counted there.
  void expect_one_place_each() {
    const std::size_t queued = read_all();
    expect_conservation();
    const auto stats = queue->stats();
    const Totals spans{.accepted = stats.accepted,
                       .delivered = stats.delivered,
                       .dead_lettered = stats.dead_lettered,
                       .dropped_removed = stats.dropped_removed};
    const Totals& counted = of_changes ? stats.changes : spans;
    const std::uint64_t each = of_changes ? 1 : kSpans;
    EXPECT_EQ(counted.accepted, 2 * each);
    EXPECT_EQ(counted.dead_lettered, ids().size() * each);
    EXPECT_EQ(counted.queued(), queued * each);
    EXPECT_FALSE(store->under_way());
  }

  std::unique_ptr<DeadLetterStore> store;
  std::unique_ptr<DeadLetterCommands> commands;
  std::string id;
  const bool of_changes;

 private:
  // As the forwarder does: first the file, then the journal.
  std::string dead_letter(std::uint64_t trace) {
    Record record = trace_record(trace, spans(1, kSpans), clock.wall());
    record.link = *queue->remember_link(link("agent", "v1"));
    if (of_changes) {
      TraceSlice slice;
      slice.trace_id = record.slice.trace_id;
      record.slice = std::move(slice);
      record.slice.change = R"({"kind":"set_tag","body":{"key":"team","value":"ml"}})";
    }
    const std::uint32_t counted = of_changes ? 1 : kSpans;
    EXPECT_TRUE(append(record));
    const StoredRecord stored = drain().at(0);
    DeadLetter letter;
    letter.trace_id = record.slice.trace_id;
    letter.segment_id = stored.position.segment_id;
    letter.offset = stored.position.offset;
    (of_changes ? letter.changes : letter.spans) = counted;
    letter.link = record.link;
    letter.accepted_at = record.accepted_at;
    letter.otlp = record.slice.otlp;
    letter.change = record.slice.change;
    letter.records = {{.sequence = stored.sequence, .dead_lettered = counted}};
    EXPECT_TRUE(store->write(letter));
    queue->complete({.position = stored.position, .dead_lettered = counted});
    return letter.id();
  }
};

// The command at each operation of the disk in turn, and a look at what is left after a crash.
void at_every_operation(Of letters, bool power_cut, Crash how,
                        const std::function<bool(Scenario&)>& command) {
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    Scenario scenario(letters);
    power_cut ? scenario.fs.lose_power_at(n) : scenario.fs.fail_operation(n);
    const bool done = command(scenario);
    const bool fired = scenario.fs.fired();
    scenario.crash_and_open(how, n);
    scenario.expect_one_place_each();
    if (done) {
      EXPECT_EQ(scenario.ids().size(), 1u);
    }
    if (!fired || testing::Test::HasFailure()) break;
  }
}

void whatever_happens(const std::function<bool(Scenario&)>& command) {
  for (const Of letters : {Of::spans, Of::changes}) {
    for (const Crash how : {Crash::lose_unsynced, Crash::keep_some, Crash::keep_all}) {
      at_every_operation(letters, true, how, command);
      at_every_operation(letters, false, how, command);
    }
  }
}

TEST(DeadLetterFault, AReplayLeavesEachSpanAndChangeInOnePlace) {
  whatever_happens([](Scenario& scenario) { return scenario.replay(); });
}

TEST(DeadLetterFault, ARemovalLeavesEachSpanAndChangeInOnePlace) {
  whatever_happens([](Scenario& scenario) { return scenario.remove(); });
}

// The letter's file may outlive the replayed record.
TEST(DeadLetterFault, AReplayedRecordThatIsDeliveredBeforeTheCrashDoesNotComeBack) {
  whatever_happens([](Scenario& scenario) {
    const bool done = scenario.replay();
    scenario.deliver_replayed();
    return done;
  });
}

TEST(DeadLetterFault, TheNextCommandCarriesOnWhatFailed) {
  for (const auto& [letters, replay] :
       {std::pair(Of::spans, true), std::pair(Of::spans, false), std::pair(Of::changes, true),
        std::pair(Of::changes, false)}) {
    for (std::uint64_t n = 0;; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n));
      Scenario scenario(letters);
      const auto command = [&] { return replay ? scenario.replay() : scenario.remove(); };
      scenario.fs.fail_operation(n);
      (void)command();
      const bool fired = scenario.fs.fired();
      (void)command();  // there may be nothing left to do
      EXPECT_EQ(scenario.ids().size(), 1u);
      scenario.expect_one_place_each();
      if (!fired || testing::Test::HasFailure()) break;
    }
  }
}

// One trace whose two records lie in two segments, with a journal each.
class TwoSegments : public Scenario {
 public:
  TwoSegments() : Scenario(Of::nothing) {
    for (const std::uint64_t first : {1u, 3u}) {
      Record record = trace_record(1, spans(first, first + 1), clock.wall());
      record.link = *queue->remember_link(link("agent", "v1"));
      EXPECT_TRUE(append(record));
      close();
      open_all();
    }
    const auto records = drain();
    EXPECT_EQ(records.size(), 2u);
    EXPECT_NE(records.at(0).position.segment_id, records.at(1).position.segment_id);
    for (const StoredRecord& stored : records) positions.push_back(stored.position);
    letter.trace_id = records.at(0).record.slice.trace_id;
    letter.segment_id = positions.at(0).segment_id;
    letter.offset = positions.at(0).offset;
    letter.spans = 2 * kSpans;
    letter.link = records.at(0).record.link;
    letter.accepted_at = records.at(0).record.accepted_at;
    letter.otlp = records.at(0).record.slice.otlp + records.at(1).record.slice.otlp;
    for (const StoredRecord& stored : records) {
      letter.records.push_back({.sequence = stored.sequence, .dead_lettered = kSpans});
    }
  }
  // As the forwarder does; whether the letter was written.
  bool bury_and_sync() {
    if (!store->write(letter)) return false;
    for (const Position& position : positions) {
      queue->complete({.position = position, .dead_lettered = kSpans});
    }
    if (queue->sync_journal()) (void)store->finish_pending(false).has_value();
    return true;
  }
  // Both records are in the letter, or both are queued.
  void expect_all_or_nothing(bool written) {
    const std::size_t queued = read_all();
    expect_conservation();
    EXPECT_EQ(queue->stats().accepted, 2 * kSpans);
    EXPECT_EQ(queue->stats().dead_lettered, ids().size() * 2 * kSpans);
    EXPECT_EQ(queue->stats().queued_spans, queued * kSpans);
    EXPECT_TRUE(queued == 0 || queued == 2) << queued;
    if (written) {
      EXPECT_EQ(ids().size(), 1u);
    }
  }

  DeadLetter letter;
  std::vector<Position> positions;
};

TEST(DeadLetterFault, ALetterOfTwoSegmentsIsExactAtAnyCrash) {
  for (const Crash how : {Crash::lose_unsynced, Crash::keep_some, Crash::keep_all}) {
    for (const bool power_cut : {true, false}) {
      for (std::uint64_t n = 0;; ++n) {
        SCOPED_TRACE("operation " + std::to_string(n));
        TwoSegments scenario;
        power_cut ? scenario.fs.lose_power_at(n) : scenario.fs.fail_operation(n);
        const bool written = scenario.bury_and_sync();
        const bool fired = scenario.fs.fired();
        scenario.crash_and_open(how, n);
        scenario.expect_all_or_nothing(written);
        // The letter can be taken out once everything is read.
        ASSERT_TRUE(scenario.queue->sync_journal());
        ASSERT_TRUE(scenario.store->finish_pending(true));
        for (const std::string& id : scenario.ids()) ASSERT_TRUE(scenario.commands->replay(id));
        EXPECT_EQ(scenario.queue->stats().queued_spans, 2 * kSpans);
        if (!fired || testing::Test::HasFailure()) break;
      }
    }
  }
}

// Of a letter that is damaged as well, the journals' spans are removed and all others are queued.
TEST(DeadLetterFault, ADamagedPendingLetterNeitherForgetsNorDoublesARecord) {
  for (const Crash how : {Crash::lose_unsynced, Crash::keep_some, Crash::keep_all}) {
    for (std::uint64_t n = 0;; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n));
      TwoSegments scenario;
      scenario.fs.lose_power_at(n);
      (void)scenario.bury_and_sync();
      const bool fired = scenario.fs.fired();
      scenario.crash(how, static_cast<std::uint32_t>(n));
      const auto path =
          scenario.options.state_dir / "dead-letters" / (scenario.letter.id() + ".pending.json");
      if (*scenario.fs.exists(path)) {
        std::string text = scenario.fs.content(path);
        scenario.fs.set_content(path, text.replace(text.size() / 2, 1, "?"));
      }
      scenario.open_all();
      const std::size_t queued = scenario.read_all();
      ASSERT_TRUE(scenario.store->finish_pending(true));
      for (const std::string& id : scenario.ids()) ASSERT_TRUE(scenario.commands->remove(id));
      const auto stats = scenario.queue->stats();
      EXPECT_EQ(stats.queued_spans, queued * kSpans);
      EXPECT_EQ(stats.dropped_removed, (2 - queued) * kSpans);
      EXPECT_EQ(stats.dead_lettered, 0u);
      scenario.expect_conservation();
      if (!fired || testing::Test::HasFailure()) break;
    }
  }
}

}  // namespace
}  // namespace tracelink
