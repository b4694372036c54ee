#include <algorithm>
#include <utility>

#include "daemon/forward/forwarder.hpp"

// How much the forwarder reads and keeps in memory, and what it spills when that is too much.
namespace tracelink {

namespace {

constexpr auto kBetweenVainSpills = std::chrono::milliseconds(500);

}  // namespace

// Records that may still be read.
std::size_t Forwarder::room() const {
  const std::size_t parked = dead_letter_writer_.parked_records();
  const std::size_t moving = reader_.assembly().records() + moving_records();
  const bool has_own_window = parked < options_.held_records;
  const std::size_t counted = has_own_window ? moving : moving + held_records() + parked;
  return options_.window_records - std::min(options_.window_records, counted);
}

std::size_t Forwarder::held_records() const {
  return dispatcher_.holds().unlinked().records() + dispatcher_.backlog().held_records();
}

// Those that assembly has given.
std::size_t Forwarder::moving_records() const {
  const Backlog& backlog = dispatcher_.backlog();
  return dispatcher_.records_in_flight() + backlog.records() - backlog.held_records();
}

bool Forwarder::has_room_to_read() const {
  return spill_.is_scanning() ? spill_room().window : has_room();
}

void Forwarder::make_room() {
  const std::size_t held = held_records();
  if (clock_.steady() >= next_spill_) {
    bool in_vain = false;
    if (held >= options_.held_records) in_vain = !spill_held(held - options_.held_records);
    if (room() < kept_for_others()) in_vain |= !spill_flood();
    // Looking costs time, so not again at once.
    if (in_vain) next_spill_ = clock_.steady() + kBetweenVainSpills;
  }
  spill_.advance(dispatcher_.backlog(), spill_room(), dispatcher_.holds().take_scope_released());
}

Spill::Room Forwarder::spill_room() const {
  // Keeps that much room, or what comes back would be spilled again.
  const bool may_come_back =
      room() > kept_for_others() && moving_records() <= options_.window_records * 5 / 8;
  return {.window = may_come_back,
          .for_held = held_records() < options_.held_records / 2,
          .window_records = options_.window_records};
}

// Of the scopes that hold most the newest, and an eighth more than must be.
bool Forwarder::spill_held(std::size_t excess) {
  Backlog& backlog = dispatcher_.backlog();
  Holds& holds = dispatcher_.holds();
  const std::size_t records = excess + std::max<std::size_t>(options_.held_records / 8, 1);
  if (holds.unlinked().records() > backlog.held_records()) {
    for (TraceWork& work : holds.unlinked().take_newest(records)) {
      reader_.assembly().forget(work);
      spill_.put_held(work, {});
    }
    return true;
  }
  auto newest = backlog.take_newest(true, records);
  for (TraceWork& work : newest) {
    const ScopeKey scope = holds.held_alone_by(work.group).value_or(ScopeKey{});
    reader_.assembly().forget(work);
    spill_.put_held(work, scope);
  }
  spill_.drop_marks_of([&](const ScopeKey& scope) { return holds.forget_if_unused(scope); });
  return !newest.empty();
}

// A group that could go has filled the window: others behind it are read all the same. Of more
// groups than are marked, the traces come back with a general rescan, and what comes later is read.
bool Forwarder::spill_flood() {
  Backlog& backlog = dispatcher_.backlog();
  const bool server_is_open = dispatcher_.holds().ask_server() == Holds::Permit::yes;
  if (!server_is_open || moving_records() < options_.window_records / 4) return false;
  auto newest = backlog.take_newest(false, options_.window_records / 4);
  for (TraceWork& work : newest) {
    reader_.assembly().forget(work);
    if (spill_.may_flood(work.group)) {
      spill_.put_flood(work);
    } else {
      spill_.put_held(work, {});
    }
  }
  return !newest.empty();
}

}  // namespace tracelink
