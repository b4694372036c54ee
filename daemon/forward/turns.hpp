#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <optional>

#include "daemon/base/clock.hpp"
#include "daemon/forward/trace_work.hpp"

namespace tracelink {

// Whose turn it is: groups that have something to send go one after the other, whatever each of
// them has. Groups of an experiment or model that a peer chose and that has not worked yet share
// one of these places, and what of them was refused before is probed at a rate that does not grow
// with their number. Every call takes O(log n). Threads: one.
class Turns {
 public:
  enum class Kind {
    known,     // chosen by the operator, or it worked
    unproven,  // chosen by a peer, never tried
    refused,   // chosen by a peer, and held until a probe succeeds
  };

  explicit Turns(const Clock& clock) : clock_(clock) {}

  // Behind the others of its kind. A group has one place: it keeps it, or goes where its kind is.
  void join(const GroupKey& group, Kind kind);
  // Takes the group whose turn it is. `inventions`: those of peers may go too.
  std::optional<GroupKey> next(bool inventions);
  // A probe that next() gave was sent: the following one comes later.
  void probe_sent();
  // When a probe may go, if nothing but the rate keeps it back.
  std::optional<SteadyTime> next_probe() const;

 private:
  using List = std::list<GroupKey>;
  struct Place {
    Kind kind;
    List::iterator at;
  };
  List& list_of(Kind kind);
  std::optional<GroupKey> pop(List& list);
  std::optional<GroupKey> next_invention();

  const Clock& clock_;
  List known_, unproven_, refused_;
  std::map<GroupKey, Place> places_;
  std::size_t since_invention_ = 0;  // turns of known groups
  SteadyTime next_probe_ = SteadyTime::min();
};

}  // namespace tracelink
