#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/forward/recent_traces.hpp"
#include "daemon/forward/record_source.hpp"
#include "daemon/forward/trace_work.hpp"

namespace tracelink {

// What was decided and done about traces, durable in the right order: the link of a trace before
// its first step is sent, everything else lazily (a repeated step ends in the same stored trace).
//
// Threads: one. Lifetime: the references outlive this object.
class DeliveryLedger {
 public:
  DeliveryLedger(RecordSource& source, const Clock& clock);

  // What is read next was accepted then, or later. The traces of the hour before are known.
  void read_up_to(WallTime accepted_at) { read_up_to_ = accepted_at; }
  std::optional<RecentTrace> recent(const TraceId& id) const;

  // The links of `works` are durable when it returns success, one sync for all that are new.
  Result<void> fix_links(const std::vector<const TraceWork*>& works);
  void complete(const std::vector<Completion>& completions);
  // Trace info and the spans so far are stored at the destination.
  void mark_delivered(const TraceWork& work, bool root_delivered, std::uint64_t start_ns);

  // Nothing when there is nothing to sync.
  std::optional<SteadyTime> sync_due() const { return sync_due_; }
  Result<void> sync();

 private:
  TraceNote note(const TraceWork& work, TraceNote::Step step) const;
  void want_sync();

  RecordSource& source_;
  const Clock& clock_;
  WallTime read_up_to_{};
  RecentTraces recent_;
  std::vector<TraceNote> delivered_;  // not noted durably yet
  std::optional<SteadyTime> sync_due_;
};

}  // namespace tracelink
