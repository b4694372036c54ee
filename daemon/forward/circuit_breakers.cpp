#include "daemon/forward/circuit_breakers.hpp"

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

CircuitBreakers::Permit CircuitBreakers::ask_scope(const ScopeKey& key) const {
  const auto found = held_.find(key);
  if (found == held_.end()) return Permit::yes;
  const bool waits = found->second.probing || clock_.steady() < found->second.until;
  return waits ? Permit::no : Permit::probe;
}

CircuitBreakers::Answer CircuitBreakers::ask(const GroupKey& group) const {
  Answer answer;
  if (held_.empty()) return answer;
  for (const ScopeKey& key : scopes_of(group)) {
    const Permit permit = ask_scope(key);
    if (permit == Permit::no) return {permit, key};
    if (permit == Permit::probe) answer.permit = permit;
  }
  return answer;
}

void CircuitBreakers::begin_probe(const GroupKey& group) {
  for (const ScopeKey& key : scopes_of(group)) {
    const auto found = held_.find(key);
    if (found == held_.end()) continue;
    due_.erase({found->second.until, key});
    found->second.probing = true;
  }
}

void CircuitBreakers::end_probe(Held::iterator at) {
  at->second.probing = false;
  due_.emplace(at->second.until, at->first);
}

void CircuitBreakers::erase(Held::iterator at) {
  due_.erase({at->second.until, at->first});
  held_.erase(at);
}

std::vector<ScopeKey> CircuitBreakers::failed(const GroupKey& group, const ScopeKey& key,
                                              const Failure& failure) {
  std::vector<ScopeKey> released;
  if (key.scope != FailureScope::server && forget({})) released.emplace_back();
  const auto found = held_.find(key);
  // What was in flight when the scope came to be held says nothing new.
  const bool is_news = found == held_.end() || found->second.probing;
  for (const ScopeKey& other : scopes_of(group)) {
    const auto at = held_.find(other);
    if (at != held_.end() && at->second.probing) end_probe(at);
  }
  if (is_news) hold(key, failure);
  return released;
}

void CircuitBreakers::hold(const ScopeKey& key, const Failure& failure) {
  auto [at, is_new] = held_.try_emplace(key);
  Breaker& breaker = at->second;
  due_.erase({breaker.until, key});
  // How long it lasts is counted from the first failure of the same class.
  if (is_new || breaker.failure.failure_class != failure.failure_class) {
    breaker = {.failure = {}, .since = clock_.steady()};
  }
  breaker.failure = failure;
  ++breaker.failures;
  auto wait = retry_delay_.after(breaker.failures, random_, failure.retry_after);
  if (failure.failure_class == FailureClass::configuration) {
    wait = std::max(wait, configuration_probe_);
  }
  breaker.until = clock_.steady() + wait;
  due_.emplace(breaker.until, key);
}

std::vector<ScopeKey> CircuitBreakers::succeeded(const GroupKey& group) {
  std::vector<ScopeKey> released;
  if (held_.empty()) return released;
  for (const ScopeKey& key : scopes_of(group)) {
    if (forget(key)) released.push_back(key);
  }
  return released;
}

bool CircuitBreakers::forget(const ScopeKey& key) {
  const auto found = held_.find(key);
  if (found == held_.end()) return false;
  erase(found);
  return true;
}

std::optional<ScopeKey> CircuitBreakers::take_due() {
  if (due_.empty() || due_.begin()->first > clock_.steady()) return std::nullopt;
  return due_.extract(due_.begin()).value().second;
}

void CircuitBreakers::offer_again(const GroupKey& group) {
  for (const ScopeKey& key : scopes_of(group)) {
    const auto found = held_.find(key);
    if (found != held_.end() && !found->second.probing) due_.emplace(found->second.until, key);
  }
}

std::optional<SteadyTime> CircuitBreakers::next_due() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

bool CircuitBreakers::holds_experiments() const {
  const auto at = held_.lower_bound({FailureScope::experiment, {}, {}});
  return at != held_.end() && at->first.scope == FailureScope::experiment;
}

const CircuitBreakers::Breaker* CircuitBreakers::find(const ScopeKey& key) const {
  const auto found = held_.find(key);
  return found == held_.end() ? nullptr : &found->second;
}

}  // namespace tracelink
