#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/forward/forward_status.hpp"
#include "daemon/forward/trace_work.hpp"
#include "daemon/mlflow/rest/failure.hpp"
#include "daemon/queue/record_source.hpp"
#include "daemon/types/peer_id_hash.hpp"

namespace tracelink {

// The traces that cannot be sent because of their link (LinkObstacle), until that has passed, a
// later part of the trace brings a better link, or they have waited too long. Threads: one.
class UnlinkedTraces {
 public:
  explicit UnlinkedTraces(const Clock& clock) : clock_(clock) {}

  void add(TraceWork work);  // precondition: it has an obstacle, and no other part is here
  std::optional<TraceWork> take(const TraceId& id);
  std::vector<TraceWork> take_newest(std::size_t records);  // so many records or a few more
  // The one accepted first of those whose obstacle may pass, from this sequence on.
  std::optional<TraceWork> take_oldest_that_may_pass(std::uint64_t from);
  // Of those whose obstacle may pass: they want the link.
  std::vector<TraceWork> take_waiting_for(const LinkHash& link);
  // Traces that would go if the link became available.
  std::vector<TraceWork> take_linked(const LinkHash& link);
  // The oldest, at most `max`, but for those that only wait for the disk.
  std::vector<TraceWork> take_accepted_before(SteadyTime accepted, std::size_t max);

  std::size_t traces() const { return works_.size(); }
  std::size_t records() const { return records_; }
  std::size_t reasons() const { return reasons_.size(); }
  std::vector<HeldScope> held(const RecordSource& source) const;

 private:
  // What its message depends on.
  using Reason = std::pair<LinkObstacle, LinkHash>;  // the accepted link
  using Sequences = std::set<std::uint64_t>;
  struct Waiting {
    SteadyTime since{};
    Sequences traces;
  };
  using Works = std::map<std::uint64_t, TraceWork>;  // by sequence
  TraceWork remove(Works::iterator at);
  std::vector<TraceWork> take_all(const Sequences& sequences);

  const Clock& clock_;
  Works works_;
  std::unordered_map<TraceId, std::uint64_t, PeerIdHash> sequence_of_;
  std::map<Reason, Waiting> reasons_;
  std::map<LinkHash, Sequences> by_link_;
  std::size_t records_ = 0;
};

}  // namespace tracelink
