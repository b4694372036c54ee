#include <algorithm>

#include "daemon/forward/forwarder.hpp"
#include "daemon/forward/scope_name.hpp"

// What Forwarder shows to other threads.
namespace tracelink {

ForwardStatus Forwarder::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Forwarder::publish_status() {
  ForwardStatus status;
  status.stepped_at = clock_.steady();
  status.held = held_scopes();
  status.last_delivery_at = settler_.last_delivery_at();
  status.last_error = reporter_.last_error();
  status.server = destination_.server();
  status.assembling_traces = assembler_.traces();
  status.waiting_for_root = waiting_for_root();
  status.waiting_traces = backlog_.traces() + unlinked_.traces() + aside_traces();
  status.in_flight_traces = in_flight_traces_;
  status.parked_traces = desk_.parked_traces();
  status.dead_letters = dead_letters_.count();
  status.dead_letter_bytes = dead_letters_.bytes();
  status.counters = settler_.counters();
  status.counters.dead_lettered_traces = desk_.buried();
  const std::lock_guard lock(mutex_);
  status_ = std::move(status);
}

WaitingForRoot Forwarder::waiting_for_root() const {
  const Assembler::Rootless rootless = assembler_.rootless();
  if (rootless.traces == 0) return {};
  const auto wall = [this](SteadyTime at) {
    return clock_.wall() + std::chrono::duration_cast<WallTime::duration>(at - clock_.steady());
  };
  return {rootless.traces, wall(rootless.first), wall(rootless.last)};
}

std::vector<HeldScope> Forwarder::held_scopes() const {
  std::vector<HeldScope> scopes;
  const auto aside = [this](const ScopeKey& key) {
    const auto found = aside_.find(key);
    return found == aside_.end() ? 0 : found->second;
  };
  for (const ScopeGates::Hold& hold : gates_.holds()) {
    const auto concerns = [&](const GroupKey& group) {
      return scope_key(hold.key.scope, group) == hold.key;
    };
    scopes.push_back({scope_name(hold.key, source_), hold.failure.message, hold.failure.remedy,
                      hold.since, backlog_.traces_in(concerns) + aside(hold.key)});
  }
  for (const auto& [group, waiting] : waiting_) {
    const ScopeKey key = scope_key(waiting.failure.scope, group);
    const std::string name = scope_name(key, source_);
    const std::size_t traces =
        backlog_.traces_in([&](const GroupKey& other) { return other == group; });
    const auto same =
        std::ranges::find_if(scopes, [&](const HeldScope& scope) { return scope.scope == name; });
    if (same == scopes.end()) {
      scopes.push_back({name, waiting.failure.message, waiting.failure.remedy, waiting.since,
                        traces + aside(key)});
    } else if (waiting.failure.scope != FailureScope::server) {
      same->traces += traces;
    }
  }
  for (HeldScope& scope : unlinked_.held(source_)) scopes.push_back(std::move(scope));
  return scopes;
}

}  // namespace tracelink
