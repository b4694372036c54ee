#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/forward/recent_traces.hpp"
#include "daemon/forward/trace_work.hpp"
#include "daemon/queue/record_source.hpp"

namespace tracelink {

// The subject of reports that the ledger could not be made durable: the files that it writes.
inline constexpr const char* kLedgerFiles = "journals and notes";

// What was decided and done about traces, durable in the right order: the link of a trace before
// its first step is sent, everything else lazily (a repeated step ends in the same stored trace).
//
// Threads: one. Lifetime: the references outlive this object.
class DeliveryLedger {
 public:
  // `is_spilled`: of a trace, whether a part of it may be (RecentTraces).
  DeliveryLedger(RecordSource& source, const Clock& clock, RecentTraces::IsSpilled is_spilled);

  // What is read next was accepted then, or later. The traces of the hour before are known.
  void set_read_up_to(SteadyTime accepted) { read_up_to_ = accepted; }
  std::optional<RecentTrace> recent(const TraceId& id) const;
  void add_links(LinkSet& to) const { recent_.add_links(read_up_to_, to); }  // of these
  // Takes up the notes that could not be read before. What was noted since is newer.
  void learn_late_notes();

  // The links of `works` are durable when it returns success, one sync for all that are new or
  // changed.
  Result<void> fix_links(const std::vector<const TraceWork*>& works);
  // Moves the noted, undelivered traces of `from` to `to`, durably; returns their ids. After an
  // error the old link counts; a restart may find either.
  Result<std::vector<TraceId>> relink(const LinkHash& from, const LinkHash& to);
  // Takes back a relink() whose decision could not be stored. The link of these traces is noted
  // anew before anything is sent.
  void undo_relink(const std::vector<TraceId>& ids, const LinkHash& from);
  void complete(const std::vector<Completion>& completions);
  // Trace info and the spans so far are stored at the destination.
  void mark_delivered(const TraceWork& work, bool root_delivered, std::uint64_t start_ns);

  // The trace is deleted at the destination. Durable when it returns success, so that what comes
  // for it later, or again, does not bring it back.
  Result<void> mark_deleted(const TraceWork& work);

  // Nothing when there is nothing to sync.
  std::optional<SteadyTime> sync_due() const { return sync_due_; }
  Result<void> sync();
  // Called when everything completed before is durable in the journals.
  void set_on_journal_synced(std::function<void()> callback) {
    on_journal_synced_ = std::move(callback);
  }

 private:
  TraceNote note(const TraceId& id, const LinkHash& link, TraceNote::Step step) const;
  void remember(const TraceNote& note);
  void want_sync();

  RecordSource& source_;
  const Clock& clock_;
  SteadyTime read_up_to_;
  RecentTraces recent_;
  std::uint64_t note_loads_;          // of the source, that are known
  std::vector<TraceNote> delivered_;  // not noted durably yet
  std::optional<SteadyTime> sync_due_;
  std::function<void()> on_journal_synced_;
};

}  // namespace tracelink
