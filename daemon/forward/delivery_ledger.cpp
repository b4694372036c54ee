#include "daemon/forward/delivery_ledger.hpp"

#include <utility>

namespace tracelink {

namespace {

constexpr auto kSyncDelay = std::chrono::seconds(1);

}  // namespace

DeliveryLedger::DeliveryLedger(RecordSource& source, const Clock& clock)
    : source_(source), clock_(clock) {
  for (const TraceNote& note : source_.recent_notes()) recent_.remember(note, read_up_to_);
}

std::optional<RecentTrace> DeliveryLedger::recent(const TraceId& id) const {
  return recent_.find(id, read_up_to_);
}

TraceNote DeliveryLedger::note(const TraceWork& work, TraceNote::Step step) const {
  return {.trace_id = work.trace_id,
          .step = step,
          .link = work.group.link,
          .root_delivered = false,
          .start_ns = 0,
          .at = clock_.wall()};
}

Result<void> DeliveryLedger::fix_links(const std::vector<const TraceWork*>& works) {
  std::vector<TraceNote> notes;
  for (const TraceWork* work : works) {
    const auto known = recent(work->trace_id);
    if (known && (known->delivered || known->link == work->group.link)) continue;
    notes.push_back(note(*work, TraceNote::Step::linked));
  }
  if (notes.empty()) return {};
  if (auto saved = source_.note(notes); !saved) return saved;
  for (const TraceNote& linked : notes) recent_.remember(linked, read_up_to_);
  return {};
}

void DeliveryLedger::complete(const std::vector<Completion>& completions) {
  for (const Completion& completion : completions) source_.complete(completion);
  want_sync();
}

void DeliveryLedger::mark_delivered(const TraceWork& work, bool root_delivered,
                                    std::uint64_t start_ns) {
  const auto known = recent(work.trace_id);
  if (known && known->delivered && (known->root_delivered || !root_delivered)) {
    return;
  }
  TraceNote delivered = note(work, TraceNote::Step::delivered);
  delivered.root_delivered = root_delivered || (known && known->root_delivered);
  delivered.start_ns = start_ns;
  recent_.remember(delivered, read_up_to_);
  delivered_.push_back(delivered);
  want_sync();
}

void DeliveryLedger::want_sync() {
  if (!sync_due_) sync_due_ = clock_.steady() + kSyncDelay;
}

// The journal first: a trace that is noted as delivered must not have records that look unsent, or
// a restart would take them for late spans and send them a second time.
Result<void> DeliveryLedger::sync() {
  sync_due_.reset();
  Result<void> saved = source_.sync_journal();
  if (saved && !delivered_.empty()) {
    saved = source_.note(delivered_);
    if (saved) delivered_.clear();
  }
  if (!saved) want_sync();
  return saved;
}

}  // namespace tracelink
