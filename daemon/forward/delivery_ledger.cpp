#include "daemon/forward/delivery_ledger.hpp"

#include <utility>

namespace tracelink {

namespace {

constexpr auto kSyncDelay = std::chrono::seconds(1);

}  // namespace

DeliveryLedger::DeliveryLedger(RecordSource& source, const Clock& clock,
                               RecentTraces::IsSpilled is_spilled)
    : source_(source),
      clock_(clock),
      read_up_to_(clock.steady()),
      recent_(std::move(is_spilled)),
      note_loads_(source.note_loads()) {
  // How old they are is not asked: the wall clock may have been set since.
  for (const TraceNote& note : source_.recent_notes()) remember(note);
}

void DeliveryLedger::remember(const TraceNote& note) {
  recent_.remember(note, clock_.steady(), read_up_to_);
}

void DeliveryLedger::learn_late_notes() {
  const std::uint64_t loads = source_.note_loads();
  if (std::exchange(note_loads_, loads) == loads) return;
  for (const TraceNote& note : source_.recent_notes()) {
    if (!recent(note.trace_id)) remember(note);
  }
}

std::optional<RecentTrace> DeliveryLedger::recent(const TraceId& id) const {
  return recent_.find(id, read_up_to_);
}

TraceNote DeliveryLedger::note(const TraceId& id, const LinkHash& link,
                               TraceNote::Step step) const {
  return {.trace_id = id,
          .step = step,
          .link = link,
          .root_delivered = false,
          .start_ns = 0,
          .at = clock_.wall()};
}

Result<void> DeliveryLedger::fix_links(const std::vector<const TraceWork*>& works) {
  std::vector<TraceNote> notes;
  bool changes_delivered = false;
  for (const TraceWork* work : works) {
    const auto known = recent(work->trace_id);
    if (known && known->noted && known->link == work->group.link) continue;
    notes.push_back(note(work->trace_id, work->group.link, TraceNote::Step::linked));
    if (!known || !known->delivered) continue;
    notes.back().step = known->deleted ? TraceNote::Step::deleted : TraceNote::Step::delivered;
    notes.back().root_delivered = known->root_delivered;
    changes_delivered = true;
  }
  if (notes.empty()) return {};
  // The new note says "delivered" too, so all of that must be durable first.
  if (changes_delivered) {
    if (auto synced = sync(); !synced) return synced;
  }
  if (auto saved = source_.note(notes); !saved) return saved;
  for (const TraceNote& linked : notes) remember(linked);
  return {};
}

Result<std::vector<TraceId>> DeliveryLedger::relink(const LinkHash& from, const LinkHash& to) {
  std::vector<TraceId> ids = recent_.undelivered(from, read_up_to_);
  if (ids.empty()) return ids;
  std::vector<TraceNote> notes;
  notes.reserve(ids.size());
  for (const TraceId& id : ids) notes.push_back(note(id, to, TraceNote::Step::linked));
  if (auto saved = source_.note(notes); !saved) return std::move(saved).error();
  for (const TraceNote& linked : notes) remember(linked);
  return ids;
}

void DeliveryLedger::undo_relink(const std::vector<TraceId>& ids, const LinkHash& from) {
  for (const TraceId& id : ids) recent_.set_unnoted(id, from);
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
  TraceNote delivered = note(work.trace_id, work.group.link, TraceNote::Step::delivered);
  delivered.root_delivered = root_delivered || (known && known->root_delivered);
  delivered.start_ns = start_ns;
  remember(delivered);
  delivered_.push_back(delivered);
  want_sync();
}

Result<void> DeliveryLedger::mark_deleted(const TraceWork& work) {
  const auto known = recent(work.trace_id);
  TraceNote deleted =
      note(work.trace_id, known ? known->link : work.group.link, TraceNote::Step::deleted);
  deleted.root_delivered = known && known->root_delivered;
  // Behind an older note that is not durable yet, which would be the newer one then.
  std::erase_if(delivered_,
                [&](const TraceNote& noted) { return noted.trace_id == work.trace_id; });
  remember(deleted);
  auto saved = source_.note({deleted});
  if (!saved) delivered_.push_back(deleted);
  return saved;
}

void DeliveryLedger::want_sync() {
  if (!sync_due_) sync_due_ = clock_.steady() + kSyncDelay;
}

// The journal first: a trace that is noted as delivered must not have records that look unsent, or
// a restart would take them for late spans and send them a second time.
Result<void> DeliveryLedger::sync() {
  sync_due_.reset();
  Result<void> saved = source_.sync_journal();
  if (saved && on_journal_synced_) on_journal_synced_();
  if (saved && !delivered_.empty()) {
    saved = source_.note(delivered_);
    if (saved) delivered_.clear();
  }
  if (!saved) want_sync();
  return saved;
}

}  // namespace tracelink
