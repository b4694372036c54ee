#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "daemon/forward/dead_letter_commands.hpp"
#include "tests/support/queue_harness.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Crash = FakeFileSystem::Crash;

constexpr std::uint64_t kSpans = 2;  // of each letter

// A queue with two dead letters, on a disk that misbehaves later.
class Scenario : public QueueHarness {
 public:
  Scenario() {
    open_all();
    bury(1);
    close();
    open_all();
    id = bury(2);
  }
  void open_all() {
    open();
    auto opened = DeadLetterStore::open(fs, options.state_dir / "dead-letters", 1u << 20);
    ASSERT_TRUE(opened) << opened.error().message;
    store = *std::move(opened);
    commands = std::make_unique<DeadLetterCommands>(*store, *queue, clock);
    const auto settled = commands->settle();
    ASSERT_TRUE(settled) << settled.error().message;
  }
  void crash_and_open(Crash how, std::uint64_t seed) {
    crash(how, static_cast<std::uint32_t>(seed));
    open_all();
  }

  std::vector<std::string> ids() const {
    std::vector<std::string> all;
    for (const auto& letter : nlohmann::json::parse(*store->list_json())) {
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
  // As the forwarder does; the number of records that are queued.
  std::size_t read_all() {
    const auto records = drain();
    for (const StoredRecord& stored : records) {
      EXPECT_TRUE(store->retract(stored.position.segment_id, stored.position.offset));
    }
    return records.size();
  }

  // Each of the spans is in one place, and is counted there.
  void expect_one_place_each() {
    const std::size_t queued = read_all();
    expect_conservation();
    const auto stats = queue->stats();
    EXPECT_EQ(stats.accepted, 2 * kSpans);
    EXPECT_EQ(stats.dead_lettered, ids().size() * kSpans);
    EXPECT_EQ(stats.delivered + stats.dead_lettered + stats.queued_spans + stats.dropped_removed,
              2 * kSpans);
    EXPECT_EQ(stats.queued_spans, queued * kSpans);
    EXPECT_FALSE(store->under_way());
  }

  std::unique_ptr<DeadLetterStore> store;
  std::unique_ptr<DeadLetterCommands> commands;
  std::string id;

 private:
  // As the forwarder does: first the file, then the journal.
  std::string bury(std::uint64_t trace) {
    Record record = trace_record(trace, spans(1, kSpans), clock.wall());
    record.link = *queue->remember_link(link("agent", "v1"));
    EXPECT_TRUE(append(record));
    const StoredRecord stored = drain().at(0);
    DeadLetter letter;
    letter.trace_id = record.slice.trace_id;
    letter.segment_id = stored.position.segment_id;
    letter.offset = stored.position.offset;
    letter.spans = kSpans;
    letter.link = record.link;
    letter.accepted_at = record.accepted_at;
    letter.otlp = record.slice.otlp;
    EXPECT_TRUE(store->write(letter));
    queue->complete({.position = stored.position, .dead_lettered = kSpans});
    return letter.id();
  }
};

// The command at each operation of the disk in turn, and a look at what is left after a crash.
void at_every_operation(bool power_cut, Crash how, const std::function<bool(Scenario&)>& command) {
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    Scenario scenario;
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
  for (const Crash how : {Crash::lose_unsynced, Crash::keep_some, Crash::keep_all}) {
    at_every_operation(true, how, command);
    at_every_operation(false, how, command);
  }
}

TEST(DeadLetterFault, AReplayLeavesEachSpanInOnePlace) {
  whatever_happens([](Scenario& scenario) { return scenario.replay(); });
}

TEST(DeadLetterFault, ARemovalLeavesEachSpanInOnePlace) {
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
  for (const bool replay : {true, false}) {
    for (std::uint64_t n = 0;; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n));
      Scenario scenario;
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

}  // namespace
}  // namespace tracelink
