#include "daemon/queue/queue.hpp"

#include <algorithm>

#include "daemon/queue/in_flight_reader.hpp"
#include "daemon/queue/queue_core.hpp"
#include "daemon/queue/queue_reader.hpp"
#include "daemon/queue/queue_writer.hpp"
#include "daemon/queue/recovery.hpp"
#include "daemon/queue/segment_store.hpp"

namespace tracelink {
namespace {

class DurableQueue final : public Queue {
 public:
  DurableQueue(QueueOptions options, FileSystem& fs, const Clock& clock, RandomSource& random)
      : core_(std::move(options), fs, clock, random),
        store_(core_),
        recovery_(core_, store_),
        reader_(core_, store_),
        in_flight_reader_(core_, store_),
        writer_(core_, store_) {}

  void recover() { recovery_.run(); }

  void start() override { writer_.start(); }
  void stop() override { writer_.stop(); }

  void append(std::vector<Record> records, SteadyTime deadline, AppendDone done) override {
    writer_.append(std::move(records), 0, deadline, std::move(done));
  }
  void append_replayed(std::vector<Record> records, SteadyTime deadline, AppendDone done) override {
    writer_.append(std::move(records), kFlagReplayed, deadline, std::move(done));
  }
  Result<void> count_removed_dead_letters(std::uint64_t spans, std::uint64_t changes) override {
    return store_.count_removed(spans, changes);
  }

  Result<LinkHash> remember_link(const LinkDefinition& link) override {
    return core_.links.remember(link);
  }
  LinkHash adopt_link(const LinkDefinition& link) override { return core_.links.adopt(link); }
  Result<LinkDefinition> link(const LinkHash& hash) const override {
    return core_.links.find(hash);
  }
  std::map<LinkHash, LinkDefinition> links() const override { return core_.links.all(); }
  std::vector<LinkHash> links_named_by_traces() const override {
    return core_.links.named_by_traces();
  }
  Result<void> forget_link(const LinkHash& hash) override { return core_.links.forget(hash); }

  Result<std::optional<StoredRecord>> next() override { return reader_.next(); }
  Result<StoredRecord> read(Position position) const override {
    return in_flight_reader_.read(position);
  }
  void complete(const Completion& completion) override { core_.state.lock()->complete(completion); }
  void spill(Position position) override { core_.state.lock()->spill(position); }
  void rescan(Position from) override { reader_.rescan(from); }
  void end_rescan() override { reader_.end_rescan(); }
  bool is_rescanning() const override { return reader_.is_rescanning(); }
  bool missed_spilled() const override { return reader_.missed_spilled(); }

  Result<void> note(const std::vector<TraceNote>& notes) override {
    return core_.notes.add(notes, core_.stats().oldest_accepted_at.value_or(core_.clock.wall()));
  }
  std::vector<TraceNote> recent_notes() const override { return core_.notes.recent(); }
  std::uint64_t note_loads() const override { return core_.notes.loads(); }
  Result<void> sync_journal() override { return store_.save_journals(); }

  void set_on_durable(std::function<void()> callback) override {
    writer_.set_on_durable(std::move(callback));
  }
  void set_external_bytes(std::uint64_t bytes) override {
    core_.state.lock()->external_bytes = bytes;
  }
  std::uint64_t next_sequence() const override { return core_.state.lock()->saved.next_sequence; }
  bool knows_files() const override { return core_.state.lock()->files_known; }
  QueueStats stats() const override { return core_.stats(); }
  void hold_earlier_records() override { core_.state.lock()->hold_earlier(+1); }
  void release_earlier_records() override { core_.state.lock()->hold_earlier(-1); }
  HeldFiles& held_files() override { return core_.held; }
  bool holds_files() const override {
    const auto may_hold_records = [](const HeldFile& file) {
      return file.kind != StateFile::quarantine;
    };
    return std::ranges::any_of(core_.held.list(), may_hold_records);
  }
  std::uint64_t files_read_late() const override { return core_.held.read_late(); }

 private:
  QueueCore core_;
  SegmentStore store_;
  Recovery recovery_;
  QueueReader reader_;
  mutable InFlightReader in_flight_reader_;  // keeps the file open that it read last
  QueueWriter writer_;
};

}  // namespace

Result<std::unique_ptr<Queue>> Queue::open(QueueOptions options, FileSystem& fs, const Clock& clock,
                                           RandomSource& random) {
  auto queue = std::make_unique<DurableQueue>(std::move(options), fs, clock, random);
  queue->recover();
  return std::unique_ptr<Queue>(std::move(queue));
}

}  // namespace tracelink
