#include <algorithm>
#include <utility>

#include "ipc/server/intake.hpp"

// What requests hold of the memory, and how they get it.
namespace tracelink {

std::size_t Intake::client_bytes_of(const Limits& limits) {
  constexpr std::uint64_t kLeastClientBytes = 4u << 10;
  constexpr std::uint64_t kMostClientBytes = 64u << 10;
  return std::clamp(limits.memory / 2 / limits.connections, kLeastClientBytes, kMostClientBytes);
}

bool Intake::reserve(RequestId id, std::size_t bytes) {
  Request& request = requests_.at(id);
  request.wanted_bytes += bytes;
  if (request.waits_for_memory) return false;  // received() asks for these
  return ask_for(id, request, request.held_bytes == 0 ? first_step(request, bytes) : bytes);
}

// Further calls of a client that uses its own part already begin with next to nothing.
std::size_t Intake::first_step(const Request& request, std::size_t bytes) const {
  const std::size_t own = std::min(bytes, client_bytes_);
  return small_.budget.within_floor(request.client, own) ? own : std::min(bytes, kRequestCost);
}

// An announcement alone reserves no more than its client's own part: the rest is asked for when
// half of that has come. What has come already takes its memory without waiting: it is there.
bool Intake::received(RequestId id, std::size_t bytes) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) return false;  // answered meanwhile
  Request& request = it->second;
  request.received_bytes = bytes;
  if (bytes >= request.wanted_bytes) {
    hold(request, bytes);
    note_grant(request, 0);
    return true;
  }
  if (request.waits_for_memory) return false;
  const bool enough = request.held_bytes >= request.wanted_bytes;
  if (enough || bytes < request.held_bytes / 2) return true;
  return ask_for(id, request, request.wanted_bytes - request.held_bytes);
}

bool Intake::ask_for(RequestId id, Request& request, std::size_t bytes) {
  move_to(request.held_bytes + bytes > kLargeBytes ? large_ : small_, request);
  if (request.lane->budget.reserve(request.client, id, bytes, request.held_bytes)) {
    note_grant(request, bytes);
    return true;
  }
  request.waits_for_memory = true;
  watch_slow_bodies();
  return false;
}

void Intake::note_grant(Request& request, std::size_t bytes) {
  request.held_bytes += bytes;
  request.waits_for_memory = false;
  request.granted_at = clock_.steady();
  request.received_when_granted = request.received_bytes;
}

// Makes the memory that is held exactly `bytes`, without waiting.
void Intake::hold(Request& request, std::size_t bytes) {
  if (request.lane == nullptr) request.lane = &small_;
  if (std::exchange(request.waits_for_memory, false)) request.lane->budget.cancel(request.id);
  request.lane->budget.resize(request.client, request.held_bytes, bytes);
  request.held_bytes = bytes;
}

void Intake::move_to(Lane& lane, Request& request) {
  if (request.lane == &lane) return;
  if (request.lane != nullptr) request.lane->budget.release(request.client, request.held_bytes);
  lane.budget.resize(request.client, 0, request.held_bytes);
  request.lane = &lane;
}

bool Intake::grant(Lane& lane) {
  const auto granted = lane.budget.next_granted();
  if (!granted) return false;
  Request& request = requests_.at(granted->id);
  note_grant(request, granted->bytes);
  if (const auto target = request.target.lock()) target->on_admitted(request.token);
  return true;
}

void Intake::set_limits(const Limits& limits) {
  options_.limits = limits;
  client_bytes_ = client_bytes_of(limits);
  small_.budget.set_limits(limits.memory / 2, client_bytes_);
  large_.budget.set_limits(limits.memory / 2, 0);
  pump();
}

std::size_t Intake::in_flight_bytes() const {
  return small_.budget.used_bytes() + large_.budget.used_bytes();
}

}  // namespace tracelink
