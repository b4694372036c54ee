#include "daemon/forward/hold_maintenance.hpp"

#include <utility>

#include "daemon/forward/trace_loader.hpp"
#include "daemon/links/link_failure.hpp"

namespace tracelink {

namespace {

constexpr auto kEach = std::chrono::minutes(1);
constexpr std::size_t kGivenUpAtOnce = 64;  // each is a file that is synced
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
    give_up_overdue();
    next_give_up_ = may_give_up_ > 0 ? now + kEach : now;
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

void HoldMaintenance::give_up_overdue() {
  may_give_up_ = kGivenUpAtOnce;
  const SteadyTime before = parts_.clock.steady() - hold_max_;
  for (const Holds::GivenUp& hold : parts_.holds.peers_that_stay_refused()) {
    for (const GroupKey& group : parts_.backlog.groups_in(hold.key)) {
      if (may_give_up_ == 0) return;
      give_up(parts_.backlog.take_accepted_before(group, before, may_give_up_), hold.failure);
    }
    parts_.holds.forget_if_unused(hold.key);
  }
  for (TraceWork& work : parts_.holds.unlinked().take_accepted_before(before, may_give_up_)) {
    const Failure failure = link_failure(work.link_obstacle, work.accepted_link, parts_.source);
    std::vector<TraceWork> one;
    one.push_back(std::move(work));
    give_up(std::move(one), failure);
  }
}

void HoldMaintenance::give_up(std::vector<TraceWork> overdue, const Failure& failure) {
  may_give_up_ -= overdue.size();
  for (TraceWork& work : overdue) {
    work.bisection.reset();
    parts_.dead_letter_writer.dead_letter(std::move(work), "held too long: " + failure.message,
                                          failure);
  }
}

}  // namespace tracelink
