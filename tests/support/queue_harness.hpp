#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/queue/queue.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/fake_random_source.hpp"

namespace tracelink {

// A queue on a fake disk, with the words that its tests need.
struct QueueHarness {
  QueueOptions options{.state_dir = "/state", .max_bytes = 4u << 20, .segment_bytes = 16u << 10};
  FakeFileSystem fs;
  FakeClock clock;
  FakeRandomSource random;
  std::unique_ptr<Queue> queue;

  ~QueueHarness() { close(); }

  Result<void> try_open() {
    auto opened = Queue::open(options, fs, clock, random);
    if (!opened) return std::move(opened).error();
    queue = *std::move(opened);
    queue->start();
    return {};
  }
  void open() {
    const auto opened = try_open();
    ASSERT_TRUE(opened) << opened.error().message;
  }
  void close() {
    if (queue) queue->stop();
    queue.reset();
  }
  void reopen() {
    close();
    open();
  }
  // The process is killed; the machine lives on or not.
  void crash(FakeFileSystem::Crash how, std::uint32_t seed = 0) {
    fs.lose_power_at(0);
    close();
    fs.crash(how, seed);
  }

  // A record whose trace id, span count and content all follow from `n`.
  static Record record(std::uint32_t n, std::size_t otlp_bytes = 40) {
    Record record;
    record.accepted_at = WallTime(std::chrono::seconds(1'700'000'000 + n));
    record.peer = {.pid = n, .uid = 1000, .gid = 1000};
    record.slice.trace_id.bytes[0] = 1;
    for (std::size_t i = 0; i < 4; ++i) {
      record.slice.trace_id.bytes[12 + i] = static_cast<std::uint8_t>(n >> (8 * i));
    }
    record.slice.span_count = 1 + n % 3;
    record.slice.root_seen = n % 2 == 0;
    record.slice.otlp.assign(otlp_bytes, static_cast<char>('a' + n % 26));
    return record;
  }
  // A change of that trace.
  static Record change(std::uint32_t n, std::size_t bytes = 40) {
    Record change = record(n, 0);
    change.slice.span_count = 0;
    change.slice.root_seen = false;
    change.slice.change.assign(bytes, static_cast<char>('a' + n % 26));
    return change;
  }
  // Spans, or every fifth time a change.
  static Record mixed(std::uint32_t n, std::size_t bytes = 40) {
    return n % 5 == 1 ? change(n, bytes) : record(n, bytes);
  }
  static std::uint32_t changes_of(const Record& record) {
    return record.slice.change.empty() ? 0 : 1;
  }
  static LinkDefinition link(std::string name, std::string version = {}) {
    LinkDefinition link;
    link.name = std::move(name);
    link.version = std::move(version);
    return link;
  }
  TraceNote note(std::uint32_t n) const {
    TraceNote note;
    note.trace_id = record(n).slice.trace_id;
    note.at = clock.wall();
    return note;
  }
  static std::uint32_t number(const Record& record) { return record.peer.pid; }

  std::future<Result<void>> append_async(
      std::vector<Record> records, std::chrono::milliseconds patience = std::chrono::hours(1)) {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    auto answer = promise->get_future();
    queue->append(std::move(records), clock.steady() + patience,
                  [promise](Result<void> result) { promise->set_value(std::move(result)); });
    return answer;
  }
  Result<void> append(std::vector<Record> records) {
    return append_async(std::move(records)).get();
  }
  Result<void> append(Record record) {
    std::vector<Record> records;
    records.push_back(std::move(record));
    return append(std::move(records));
  }
  Result<void> append_replayed(Record record) {
    std::promise<Result<void>> answer;
    std::vector<Record> records;
    records.push_back(std::move(record));
    queue->append_replayed(std::move(records), clock.steady() + std::chrono::hours(1),
                           [&](Result<void> result) { answer.set_value(std::move(result)); });
    return answer.get_future().get();
  }
  void must_append(std::uint32_t from, std::uint32_t to, std::size_t payload_bytes = 40) {
    for (auto n = from; n < to; ++n) {
      const auto result = append(item(n, payload_bytes));
      ASSERT_TRUE(result) << result.error().message;
    }
  }

  // Everything that next() gives; damage is stepped over and counted in `damage_reports`.
  std::vector<StoredRecord> drain() {
    std::vector<StoredRecord> all;
    for (int failures = 0; failures < 100;) {
      auto next = queue->next();
      if (!next) {
        ++failures;
        ++damage_reports;
        continue;
      }
      if (!*next) break;
      all.push_back(**std::move(next));
    }
    return all;
  }
  std::vector<std::uint32_t> drain_numbers() {
    std::vector<std::uint32_t> numbers;
    for (const auto& stored : drain()) {
      const auto n = number(stored.record);
      const auto& slice = stored.record.slice;
      EXPECT_EQ(stored.record, item(n, slice.otlp.size() + slice.change.size()));
      numbers.push_back(n);
    }
    return numbers;
  }
  void deliver(const StoredRecord& stored) {
    queue->complete({.position = stored.position,
                     .delivered = stored.record.slice.span_count + stored.changes});
  }
  void expect_conservation() const {
    const auto s = queue->stats();
    EXPECT_EQ(s.accepted, s.delivered + s.queued_spans + s.dead_lettered + s.duplicate +
                              s.dropped_policy + s.dropped_age + s.dropped_removed + s.damaged);
    const auto& c = s.changes;
    EXPECT_EQ(c.accepted, c.delivered + c.queued() + c.dead_lettered + c.duplicate +
                              c.dropped_policy + c.dropped_age + c.dropped_removed + c.damaged);
    EXPECT_LT(c.queued(), 1u << 30) << "a change is counted twice";
    EXPECT_LT(s.queued_spans, 1u << 30) << "a term is counted twice";
    EXPECT_LT(s.queued_records, 1u << 30);
  }
  std::vector<std::string> files(std::string_view suffix) const {
    std::vector<std::string> names;
    const auto all = fs.list(options.state_dir / "queue");
    for (const auto& name : *all) {
      if (name.ends_with(suffix)) names.push_back(name);
    }
    return names;
  }
  std::filesystem::path segment_path(std::size_t index) const {
    return options.state_dir / "queue" / files(".segment").at(index);
  }

  Record (*item)(std::uint32_t n, std::size_t bytes) = record;  // what must_append() appends
  int damage_reports = 0;
};

inline std::vector<std::uint32_t> numbers(std::uint32_t from, std::uint32_t to) {
  std::vector<std::uint32_t> all;
  for (auto n = from; n < to; ++n) all.push_back(n);
  return all;
}

}  // namespace tracelink
