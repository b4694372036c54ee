#include "daemon/forward/scope_gates.hpp"

#include <algorithm>
#include <array>

namespace tracelink {

namespace {

// From the widest to the narrowest.
std::array<ScopeKey, 3> scopes_of(const GroupKey& group) {
  return {scope_key(FailureScope::server, group), scope_key(FailureScope::link, group),
          scope_key(FailureScope::experiment, group)};
}

}  // namespace

ScopeKey scope_key(FailureScope scope, const GroupKey& group) {
  if (scope == FailureScope::server) return {};
  if (scope == FailureScope::experiment && !group.experiment.empty()) {
    return {FailureScope::experiment, {}, group.experiment};
  }
  return {FailureScope::link, group.link, {}};
}

ScopeGates::Permit ScopeGates::permit(const GroupKey& group) const {
  Permit result = Permit::yes;
  for (const ScopeKey& key : scopes_of(group)) {
    const auto found = closed_.find(key);
    if (found == closed_.end()) continue;
    if (found->second.probing || clock_.steady() < found->second.until) return Permit::no;
    result = Permit::probe;
  }
  return result;
}

void ScopeGates::begin_probe(const GroupKey& group) {
  for (const ScopeKey& key : scopes_of(group)) {
    const auto found = closed_.find(key);
    if (found != closed_.end()) found->second.probing = true;
  }
}

void ScopeGates::failed(const GroupKey& group, const ScopeKey& key, const Failure& failure) {
  if (key.scope != FailureScope::server) closed_.erase(scope_key(FailureScope::server, group));
  const auto found = closed_.find(key);
  // What was in flight when the scope was closed says nothing new.
  const bool is_news = found == closed_.end() || found->second.probing;
  for (const ScopeKey& other : scopes_of(group)) {
    const auto at = closed_.find(other);
    if (at != closed_.end()) at->second.probing = false;
  }
  if (is_news) hold(key, failure);
}

void ScopeGates::hold(const ScopeKey& key, const Failure& failure) {
  auto [at, is_new] = closed_.try_emplace(key);
  Hold& hold = at->second;
  // How long it lasts is counted from the first failure of the same class.
  if (is_new || hold.failure.failure_class != failure.failure_class) {
    hold = {.key = key, .failure = {}, .since = clock_.wall()};
  }
  hold.failure = failure;
  ++hold.failures;
  auto wait = retry_delay_.after(hold.failures, random_, failure.retry_after);
  if (failure.failure_class == FailureClass::configuration) {
    wait = std::max(wait, configuration_probe_);
  }
  hold.until = clock_.steady() + wait;
}

std::vector<ScopeKey> ScopeGates::succeeded(const GroupKey& group) {
  std::vector<ScopeKey> opened;
  for (const ScopeKey& key : scopes_of(group)) {
    if (closed_.erase(key) > 0) opened.push_back(key);
  }
  return opened;
}

bool ScopeGates::is_held_alone(const GroupKey& group) const {
  return closed_.contains(scope_key(FailureScope::link, group)) ||
         closed_.contains(scope_key(FailureScope::experiment, group));
}

std::optional<SteadyTime> ScopeGates::next_probe() const {
  std::optional<SteadyTime> next;
  for (const auto& [key, hold] : closed_) {
    if (!hold.probing && (!next || hold.until < *next)) next = hold.until;
  }
  return next;
}

std::vector<ScopeGates::Hold> ScopeGates::holds() const {
  std::vector<Hold> holds;
  holds.reserve(closed_.size());
  for (const auto& [key, hold] : closed_) holds.push_back(hold);
  return holds;
}

}  // namespace tracelink
