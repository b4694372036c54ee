#include <utility>

#include "daemon/forward/forwarder.hpp"

// Traces that get another link while they wait.
namespace tracelink {

Result<std::size_t> Forwarder::relink(Relink relink) {
  if (!source_.knows_files()) {
    return Error{
        ErrorCode::unavailable,
        "which records there are is not known yet: queue/ cannot be listed; try again when "
        "status shows that it can"};
  }
  relink.before_sequence = source_.next_sequence();
  const auto noted = ledger_.relink(relink.from, relink.to);
  if (!noted) return noted.error();
  if (auto added = relinks_.add(relink); !added) {
    ledger_.undo_relink(*noted, relink.from);
    return std::move(added).error();
  }
  dispatcher_.holds().note_scope_released();  // what is spilled gets the link when it is read again
  const std::size_t moved = relink_in_memory(relink);
  dispatcher_.holds().forget_if_unused({FailureScope::link, relink.from, {}});
  return moved;
}

std::size_t Forwarder::relink_in_memory(const Relink& relink) {
  std::size_t moved = 0;
  const auto is_concerned = [&](const TraceWork& work) {
    return work.group.link == relink.from && !dispatcher_.is_delivered(work);
  };
  const auto move = [&](TraceWork& work) {
    if (!is_concerned(work)) return;
    work.group.link = relink.to;
    if (work.accepted_link == relink.from) work.accepted_link = relink.to;
    work.link_obstacle = LinkObstacle::none;
    ++moved;
  };
  reader_.assembly().for_each(move);
  dead_letter_writer_.for_each(move);
  Backlog& backlog = dispatcher_.backlog();
  for (const GroupKey& group : backlog.groups_in({FailureScope::link, relink.from, {}})) {
    for (TraceWork& work : backlog.take_if(group, is_concerned, backlog.traces())) {
      move(work);
      backlog.add(std::move(work));
    }
  }
  for (TraceWork& work : dispatcher_.holds().unlinked().take_linked(relink.from)) {
    move(work);
    admit(std::move(work));
  }
  return moved;
}

}  // namespace tracelink
