#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "daemon/forward/acceptance_clock.hpp"
#include "daemon/forward/recent_traces.hpp"
#include "daemon/forward/trace_work.hpp"
#include "daemon/types/peer_id_hash.hpp"

namespace tracelink {

// A trace that was sent, or began to be, keeps its link, unless its root comes late and names
// another, or its trace info names one.
void fix_link(TraceWork& work, const RecentTrace& known);

// Groups records by trace until a trace is ready: its root is there and `trace_grace` passed since,
// or nothing came for `trace_idle`. A span whose parent is remote and did not come here stands for
// the root: the root may never come. Late spans, which come after the trace was given out, wait for
// `trace_grace` only, counted from the first of them.
//
// A change waits for what it changes: it goes behind whatever else of its trace is here, alone, in
// the order of acceptance. If nothing else is here it waits for `trace_grace`, and not at all where
// the trace is known to be delivered.
//
// A record's arrival is its acceptance, so that waiting goes on over a restart. While the reader is
// behind, time stands at the last record read: a trace is not cut because its other half is still
// unread. A trace given out is busy until finished(); what comes meanwhile waits here.
//
// A trace whose cost is over `max_trace_bytes` is ready at once and goes in pieces, one after the
// other, the part with the root in the first if it is there: whoever loads a piece holds that much
// at most, or one record. Memory: positions, never payloads. Threads: one.
class Assembler {
 public:
  struct Options {
    std::chrono::milliseconds trace_grace{2'000};
    std::chrono::milliseconds trace_idle{600'000};
    std::uint64_t max_trace_bytes = 32u << 20;
  };
  Assembler(Options options, const Clock& clock)
      : options_(options), clock_(clock), acceptance_(clock) {}

  // `known`: the trace's entry among the recent ones. `choice`: the trace's link as far as this
  // record tells; the strongest of all records counts, the first of equal ones (fix_link() says
  // what is left of that for a known trace).
  void add(const StoredRecord& stored, const std::optional<RecentTrace>& known,
           const LinkChoice& choice);
  // A trace that take_*() gave comes back to meet another part of it.
  void put_back(TraceWork work);

  // In the order of readiness. `caught_up`: nothing more could be read at the last look.
  std::vector<TraceWork> take_ready(bool caught_up);
  // At once: everything whose root, or what stands for it, is there (before a shutdown).
  std::vector<TraceWork> take_with_root();
  // At once, whatever is missing: the one that is ready soonest (when memory is needed).
  std::optional<TraceWork> take_soonest();

  // Somebody waits for the trace (nullopt: for all). Those with a root, or its stand-in, and late
  // spans are ready at once.
  void hurry(const std::optional<TraceId>& id);

  // Every trace in assembly. `change` leaves alone what they are ordered by.
  void for_each(const std::function<void(TraceWork&)>& change);
  void finished(const TraceId& id);  // delivered or given up: late spans may go
  // A trace that take_*() gave is forgotten here. What came for it meanwhile joins it, or would
  // overtake it.
  void forget(TraceWork& work);

  // The link accepted with the first part, if that is in assembly and came before `sequence`.
  std::optional<LinkHash> accepted_link(const TraceId& id, std::uint64_t sequence) const;
  void add_links(LinkSet& to) const;  // of the traces in assembly

  // Traces that nothing but `trace_idle` ends, and when the first and the last of them are ready if
  // nothing more comes.
  struct Rootless {
    std::size_t traces = 0;
    SteadyTime first{}, last{};
  };
  Rootless rootless() const;

  std::optional<SteadyTime> next_ready() const;
  SteadyTime read_up_to() const { return read_up_to_; }  // acceptance of the last record
  std::size_t records() const { return records_; }       // in assembly
  // Of these, what came for traces that were given out and are not finished.
  std::size_t waiting_records() const { return waiting_records_; }
  bool is_busy(const TraceId& id) const { return busy_.contains(id); }
  std::size_t traces() const { return open_.size(); }
  // Of these, those of which nothing was given out that is not finished.
  std::size_t free_traces() const { return due_.size(); }
  std::uint64_t pieces() const { return pieces_; }  // given out, of traces that were cut
  // Of any trace in assembly that is not busy; a change alone needs none.
  bool has_root() const;
  // Nothing of the trace is in assembly, nor was given out and not finished.
  bool is_done(const TraceId& id) const { return !open_.contains(id) && !busy_.contains(id); }

 private:
  struct Open {
    TraceWork work;
    SteadyTime ready_at{};
    SteadyTime late_at{};        // ready_at of late spans
    bool remote_parent = false;  // a span stands for the root
    bool idles = false;          // `trace_idle` decides
    bool has_top() const { return work.root_seen || remote_parent; }
    bool may_go() const;  // nothing is missing that would change how it is sent
  };
  using Due = std::set<std::pair<SteadyTime, TraceId>>;

  void schedule(const TraceId& id, const Open& open);
  void unschedule(const TraceId& id, const Open& open);

  void await_rest(Open& open, const TraceSlice& slice, bool is_delivered, SteadyTime arrived);
  TraceWork take(TraceId id);
  void end_busy(const TraceId& id);
  void make_ready(const TraceId& id, SteadyTime now);

  const Options options_;
  const Clock& clock_;
  AcceptanceClock acceptance_;
  std::unordered_map<TraceId, Open, PeerIdHash> open_;
  Due due_;     // of the open traces that are not busy
  Due idling_;  // those of them that wait for `trace_idle`
  std::unordered_set<TraceId, PeerIdHash> busy_;
  SteadyTime read_up_to_{};  // arrival of the last record; a rescan goes back
  std::size_t records_ = 0;
  std::size_t waiting_records_ = 0;
  std::uint64_t pieces_ = 0;
};

}  // namespace tracelink
