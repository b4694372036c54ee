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
  const auto found = closed_.find(key);
  if (found == closed_.end()) return Permit::yes;
  const bool waits = found->second.probing || clock_.steady() < found->second.until;
  return waits ? Permit::no : Permit::probe;
}

CircuitBreakers::Answer CircuitBreakers::ask(const GroupKey& group) const {
  Answer answer;
  if (closed_.empty()) return answer;
  for (const ScopeKey& key : scopes_of(group)) {
    const Permit permit = ask_scope(key);
    if (permit == Permit::no) return {permit, key};
    if (permit == Permit::probe) answer.permit = permit;
  }
  return answer;
}

void CircuitBreakers::begin_probe(const GroupKey& group) {
  for (const ScopeKey& key : scopes_of(group)) {
    const auto found = closed_.find(key);
    if (found == closed_.end()) continue;
    due_.erase({found->second.until, key});
    found->second.probing = true;
  }
}

void CircuitBreakers::end_probe(Closed::iterator at) {
  at->second.probing = false;
  due_.emplace(at->second.until, at->first);
}

void CircuitBreakers::erase(Closed::iterator at) {
  due_.erase({at->second.until, at->first});
  closed_.erase(at);
}

std::vector<ScopeKey> CircuitBreakers::failed(const GroupKey& group, const ScopeKey& key,
                                              const Failure& failure) {
  std::vector<ScopeKey> opened;
  if (key.scope != FailureScope::server && forget({})) opened.emplace_back();
  const auto found = closed_.find(key);
  // What was in flight when the scope was closed says nothing new.
  const bool is_news = found == closed_.end() || found->second.probing;
  for (const ScopeKey& other : scopes_of(group)) {
    const auto at = closed_.find(other);
    if (at != closed_.end() && at->second.probing) end_probe(at);
  }
  if (is_news) hold(key, failure);
  return opened;
}

void CircuitBreakers::hold(const ScopeKey& key, const Failure& failure) {
  auto [at, is_new] = closed_.try_emplace(key);
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
  std::vector<ScopeKey> opened;
  if (closed_.empty()) return opened;
  for (const ScopeKey& key : scopes_of(group)) {
    if (forget(key)) opened.push_back(key);
  }
  return opened;
}

bool CircuitBreakers::forget(const ScopeKey& key) {
  const auto found = closed_.find(key);
  if (found == closed_.end()) return false;
  erase(found);
  return true;
}

std::optional<ScopeKey> CircuitBreakers::take_due() {
  if (due_.empty() || due_.begin()->first > clock_.steady()) return std::nullopt;
  return due_.extract(due_.begin()).value().second;
}

void CircuitBreakers::offer_again(const GroupKey& group) {
  for (const ScopeKey& key : scopes_of(group)) {
    const auto found = closed_.find(key);
    if (found != closed_.end() && !found->second.probing) due_.emplace(found->second.until, key);
  }
}

std::optional<SteadyTime> CircuitBreakers::next_due() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

bool CircuitBreakers::holds_experiments() const {
  const auto at = closed_.lower_bound({FailureScope::experiment, {}, {}});
  return at != closed_.end() && at->first.scope == FailureScope::experiment;
}

const CircuitBreakers::Breaker* CircuitBreakers::find(const ScopeKey& key) const {
  const auto found = closed_.find(key);
  return found == closed_.end() ? nullptr : &found->second;
}

}  // namespace tracelink
