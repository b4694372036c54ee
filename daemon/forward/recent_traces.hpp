#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/links/link_choice.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/peer_id_hash.hpp"

namespace tracelink {

// What is known of a trace that was sent, or began to be sent.
struct RecentTrace {
  LinkHash link;
  bool delivered = false;
  bool root_delivered = false;
  bool deleted = false;  // at the destination, because its application asked for it
  bool noted = true;     // durably, as it is here
  SteadyTime at{};
};

// The traces of the last hour, so that late spans find the link and the steps of their trace. The
// hour lies before the acceptance of what is read now, so that an outage does not shorten it, and
// is counted by the steady clock (AcceptanceClock), so that setting the wall clock does not either.
// A trace of which a part is spilled is known until that is back. Bounded: the oldest are forgotten
// first; what comes late for them goes as a trace of its own without a root would. Threads: one.
class RecentTraces {
 public:
  static constexpr std::size_t kMaxTraces = 65'536;

  using IsSpilled = std::function<bool(const TraceId&)>;

  explicit RecentTraces(IsSpilled is_spilled, std::size_t capacity = kMaxTraces)
      : is_spilled_(std::move(is_spilled)), capacity_(capacity) {}

  // `at`: of the note.
  void remember(const TraceNote& note, SteadyTime at, SteadyTime now);
  // Nothing if unknown, or older than an hour and not spilled.
  std::optional<RecentTrace> find(const TraceId& id, SteadyTime now) const;
  // What is known to be linked so and not delivered yet.
  std::vector<TraceId> undelivered(const LinkHash& link, SteadyTime now) const;
  // The link counts, whatever its durable note says.
  void set_unnoted(const TraceId& id, const LinkHash& link);
  void add_links(SteadyTime now, LinkSet& to) const;  // of those that find() would give
  std::size_t size() const { return traces_.size(); }

 private:
  struct Entry {
    RecentTrace trace;
    std::list<TraceId>::iterator place;  // in order_
  };

  bool is_known(const TraceId& id, const Entry& entry, SteadyTime now) const;
  void forget_old(SteadyTime now);

  IsSpilled is_spilled_;
  std::size_t capacity_;
  std::unordered_map<TraceId, Entry, PeerIdHash> traces_;
  std::list<TraceId> order_;  // the one that was noted last is the last
};

}  // namespace tracelink
