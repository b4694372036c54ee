#include "daemon/forward/hold_maintenance.hpp"

#include <utility>

#include "daemon/forward/trace_loader.hpp"
#include "daemon/links/link_failure.hpp"

namespace tracelink {

namespace {

constexpr auto kEach = std::chrono::minutes(1);
// Giving up takes so long at a time, or as long as one file takes to be synced; then as long is
// left to deliveries.
constexpr auto kGiveUpPortion = std::chrono::milliseconds(20);
constexpr int kUnreadAtOnce = 16;

}  // namespace

HoldMaintenance::HoldMaintenance(std::chrono::milliseconds hold_max, Parts parts, Admit admit)
    : hold_max_(hold_max), parts_(parts), admit_(std::move(admit)) {}

void HoldMaintenance::run_if_due() {
  const SteadyTime now = parts_.clock.steady();
  if (now >= next_) {
    next_ = now + kEach;
    forget_unused_links();
    retry_unlinked();
    parts_.holds.let_all_ask_again();
  }
  if (now >= next_give_up_) {
    const bool is_done = give_up_overdue();
    const SteadyTime end = parts_.clock.steady();
    next_give_up_ = is_done ? end + kEach : end + (end - now);
  }
}

void HoldMaintenance::forget_unused_links() {
  LinkSet in_use;
  parts_.ledger.add_links(in_use);
  parts_.reader.assembly().add_links(in_use);
  parts_.backlog.add_links(in_use);
  parts_.dead_letter_writer.add_links(in_use);
  parts_.reader.links().forget_unused(in_use);
}

// What cannot be read now keeps nobody behind it from a link.
void HoldMaintenance::retry_unlinked() {
  for (int unread = 0; unread < kUnreadAtOnce && parts_.reader.links().has_room();) {
    auto work = parts_.holds.unlinked().take_oldest_that_may_pass(retry_from_);
    if (!work) {
      retry_from_ = 0;
      return;
    }
    const auto payloads = load_payloads(parts_.source, *work);
    if (!payloads && payloads.error().code == ErrorCode::closed) {
      parts_.reader.assembly().finished(work->trace_id);
      continue;
    }
    if (payloads) {
      parts_.reader.choose_again(*work, *payloads);
    } else {
      retry_from_ = work->sequence + 1;
      ++unread;
    }
    const bool linked = work->link_obstacle == LinkObstacle::none;
    const LinkHash link = work->group.link;
    admit_(*std::move(work));
    if (linked) {
      parts_.holds.note_scope_released();
      admit_those_waiting_for(link);
    } else if (payloads) {
      return;
    }
  }
}

void HoldMaintenance::admit_those_waiting_for(const LinkHash& link) {
  if (!parts_.reader.links().is_known(link)) return;
  for (TraceWork& work : parts_.holds.unlinked().take_waiting_for(link)) {
    work.link_obstacle = LinkObstacle::none;
    admit_(std::move(work));
  }
}

bool HoldMaintenance::give_up_overdue() {
  const auto refused = parts_.holds.peers_that_stay_refused();
  const SteadyTime began = parts_.clock.steady();
  const SteadyTime before = began - hold_max_;
  const auto time_is_up = [&] { return parts_.clock.steady() - began >= kGiveUpPortion; };
  for (const Holds::GivenUp& hold : refused) {
    for (const GroupKey& group : parts_.backlog.groups_in(hold.key)) {
      while (give_up(parts_.backlog.take_accepted_before(group, before, 1), hold.failure)) {
        if (time_is_up()) return false;
      }
    }
    parts_.holds.forget_if_unused(hold.key);
  }
  UnlinkedTraces& unlinked = parts_.holds.unlinked();
  while (give_up_unlinked(unlinked.take_accepted_before(before, 1))) {
    if (time_is_up()) return false;
  }
  return true;
}

bool HoldMaintenance::give_up_unlinked(std::vector<TraceWork> overdue) {
  if (overdue.empty()) return false;
  const TraceWork& work = overdue.front();
  const Failure failure = link_failure(work.link_obstacle, work.accepted_link, parts_.source);
  return give_up(std::move(overdue), failure);
}

bool HoldMaintenance::give_up(std::vector<TraceWork> overdue, const Failure& failure) {
  for (TraceWork& work : overdue) {
    work.bisection.reset();
    parts_.dead_letter_writer.dead_letter(std::move(work), "held too long: " + failure.message,
                                          failure);
  }
  return !overdue.empty();
}

}  // namespace tracelink
