#include <utility>

#include "daemon/forward/forwarder.hpp"

// How Forwarder gives kept traces another link.
namespace tracelink {

Result<std::size_t> Forwarder::relink(const Relink& relink) {
  if (auto added = relinks_.add(relink); !added) return std::move(added).error();
  scope_opened_ = true;  // what is set aside gets the link when it is read again
  std::size_t moved = 0;
  const auto is_concerned = [&](const TraceWork& work) {
    return work.group.link == relink.from && !is_delivered(work);
  };
  const auto move = [&](TraceWork& work) {
    if (!is_concerned(work)) return;
    work.group.link = relink.to;
    if (work.accepted_link == relink.from) work.accepted_link = relink.to;
    work.link_obstacle = LinkObstacle::none;
    ++moved;
  };
  assembler_.for_each(move);
  desk_.for_each(move);
  for (TraceWork& work : backlog_.take_if(is_concerned)) {
    move(work);
    backlog_.add(std::move(work));
  }
  auto unlinked = unlinked_.take_if(is_concerned);
  for (TraceWork& work : unlinked) move(work);
  admit(std::move(unlinked));
  forget_if_unused({FailureScope::link, relink.from, {}});
  return moved;
}

std::optional<RecentTrace> Forwarder::known(const TraceId& id) const {
  auto recent = ledger_.recent(id);
  if (recent && !recent->delivered) recent->link = relinks_.resolve(recent->link, recent->at);
  return recent;
}

// In part is enough: its info is stored with the link.
bool Forwarder::is_delivered(const TraceWork& work) const {
  if (work.isolation) return true;
  const auto recent = ledger_.recent(work.trace_id);
  return recent && recent->delivered;
}

// What was on its way when its link was replaced comes back under the old one.
bool Forwarder::relink_returned(Flight& flight, const std::vector<Outcome>& outcomes) {
  bool moved = false;
  for (std::size_t i = 0; i < flight.items.size(); ++i) {
    TraceWork& work = flight.items[i].work;
    if (outcomes[i].info_stored || is_delivered(work)) continue;
    const auto fixed = known(work.trace_id);
    if (!fixed || fixed->link == work.group.link) continue;
    work.group.link = fixed->link;
    moved = true;
  }
  return moved;
}

// What is held shows in status until something of it succeeds, and nothing of it is left.
void Forwarder::forget_if_unused(const ScopeKey& key) {
  const auto concerns = [&](const GroupKey& group) { return scope_key(key.scope, group) == key; };
  if (backlog_.traces_in(concerns) == 0) gates_.forget(key);
}

}  // namespace tracelink
