#pragma once

#include "daemon/forward/record_source.hpp"

namespace tracelink {

// The durable queue as RecordSource. Lifetime: `queue` outlives this object.
class QueueSource final : public RecordSource {
 public:
  explicit QueueSource(Queue& queue) : queue_(queue) {}

  Result<std::optional<StoredRecord>> next() override { return queue_.next(); }
  Result<StoredRecord> read(Position position) const override { return queue_.read(position); }
  void set_aside(Position position) override { queue_.set_aside(position); }
  void look_back(Position from) override { queue_.look_back(from); }
  void look_ahead() override { queue_.look_ahead(); }
  std::uint64_t next_sequence() const override { return queue_.next_sequence(); }
  void complete(const Completion& completion) override { queue_.complete(completion); }
  Result<void> note(const std::vector<TraceNote>& notes) override { return queue_.note(notes); }
  std::vector<TraceNote> recent_notes() const override { return queue_.recent_notes(); }
  Result<LinkDefinition> link(const LinkHash& hash) const override { return queue_.link(hash); }
  Result<LinkHash> remember_link(const LinkDefinition& link) override {
    return queue_.remember_link(link);
  }
  std::vector<LinkHash> links_named_by_traces() const override {
    return queue_.links_named_by_traces();
  }
  Result<void> forget_link(const LinkHash& hash) override { return queue_.forget_link(hash); }
  Result<void> sync_journal() override { return queue_.sync_journal(); }
  void set_external_bytes(std::uint64_t bytes) override { queue_.set_external_bytes(bytes); }
  bool holds_files() const override { return !queue_.held_files().list().empty(); }

 private:
  Queue& queue_;
};

}  // namespace tracelink
