#include <algorithm>
#include <utility>

#include "daemon/forward/forwarder.hpp"
#include "daemon/forward/scope_name.hpp"
#include "daemon/forward/trace_loader.hpp"

// What Forwarder does each minute about traces that are held.
namespace tracelink {

namespace {

constexpr auto kHoldCheck = std::chrono::minutes(1);
// Refusals in a row, or time, that confirm a hold, so that a trace that is old for another reason
// is not given up at the first refusal.
constexpr int kHoldProbes = 3;
constexpr auto kHoldConfirmed = std::chrono::minutes(3);

bool is_permanent(const Failure& failure) {
  return failure.failure_class == FailureClass::configuration ||
         failure.failure_class == FailureClass::poison;
}

}  // namespace

void Forwarder::check_holds() {
  if (clock_.steady() < next_hold_check_) return;
  next_hold_check_ = clock_.steady() + kHoldCheck;
  forget_unused_links();
  retry_unlinked();
  give_up_overdue_holds();
}

void Forwarder::forget_unused_links() {
  LinkSet in_use;
  ledger_.add_links(in_use);
  assembler_.add_links(in_use);
  backlog_.add_links(in_use);
  desk_.add_links(in_use);
  links_.forget_unused(in_use);
}

void Forwarder::retry_unlinked() {
  while (links_.has_room()) {
    auto work = unlinked_.take_oldest_that_may_pass();
    if (!work) return;
    const auto slices = load_slices(source_, *work);
    if (!slices && slices.error().code == ErrorCode::closed) {
      assembler_.finished(work->trace_id);
      continue;
    }
    if (slices) choose_again(*work, *slices);
    const bool linked = work->link_obstacle == LinkObstacle::none;
    std::vector<TraceWork> one;
    one.push_back(*std::move(work));
    admit(std::move(one));
    if (!linked) return;
    scope_opened_ = true;
    admit_known();
  }
}

// Only the records say what a trace names.
void Forwarder::choose_again(TraceWork& work, const std::vector<std::string>& slices) {
  LinkChoice strongest = choose_link(slices.front(), work.accepted_link, work.accepted_at);
  for (std::size_t i = 1; i < slices.size(); ++i) {
    const LinkChoice choice = choose_link(slices[i], work.accepted_link, work.accepted_at);
    if (choice.rank > strongest.rank) strongest = choice;
  }
  work.group.link = strongest.link;
  work.link_rank = strongest.rank;
  work.link_obstacle = strongest.obstacle;
}

// What waits for a link that is remembered by now.
void Forwarder::admit_known() {
  auto works = unlinked_.take_if([this](const TraceWork& work) {
    return may_pass(work.link_obstacle) && links_.is_known(work.group.link);
  });
  for (TraceWork& work : works) work.link_obstacle = LinkObstacle::none;
  admit(std::move(works));
}

void Forwarder::give_up_overdue_holds() {
  const WallTime now = clock_.wall();
  const WallTime accepted_before = now - options_.hold_max;
  const auto is_overdue = [&](const TraceWork& work) { return work.accepted_at < accepted_before; };
  for (const ScopeGates::Hold& hold : gates_.holds()) {
    if (!is_peer_chosen(hold.key, source_) || hold.failures < kHoldProbes) continue;
    if (hold.failure.failure_class != FailureClass::configuration) continue;
    give_up(backlog_.take_if([&](const TraceWork& work) {
      return is_overdue(work) && scope_key(hold.key.scope, work.group) == hold.key;
    }),
            hold.failure);
    forget_if_unused(hold.key);
  }
  for (const auto& [group, waiting] : waiting_) {
    // A failure of the experiment is about one that the operator chose.
    if (waiting.failure.scope != FailureScope::link || !is_permanent(waiting.failure)) continue;
    if (now - waiting.since < kHoldConfirmed) continue;
    if (!is_peer_chosen(scope_key(FailureScope::link, group), source_)) continue;
    give_up(backlog_.take_if([&, &key = group](const TraceWork& work) {
      return is_overdue(work) && work.group == key;
    }),
            waiting.failure);
  }
  for (TraceWork& work : unlinked_.take_if([&](const TraceWork& candidate) {
         return is_overdue(candidate) && candidate.link_obstacle != LinkObstacle::not_stored;
       })) {
    const Failure failure = link_failure(work.link_obstacle, work.accepted_link, source_);
    std::vector<TraceWork> one;
    one.push_back(std::move(work));
    give_up(std::move(one), failure);
  }
}

void Forwarder::give_up(std::vector<TraceWork> overdue, const Failure& failure) {
  for (TraceWork& work : overdue) {
    work.isolation.reset();
    desk_.bury(std::move(work), "held too long: " + failure.message, failure);
  }
}

}  // namespace tracelink
