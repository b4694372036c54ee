#include "daemon/forward/holds.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

#include "daemon/base/retry_delay.hpp"
#include "daemon/codec/link_codec.hpp"
#include "daemon/forward/scope_name.hpp"
#include "daemon/types/named_experiment.hpp"

namespace tracelink {

namespace {

// Refusals in a row, or time, that confirm a hold, so that a trace that is old for another reason
// is not given up at the first refusal.
constexpr int kHoldProbes = 3;
constexpr auto kHoldConfirmed = std::chrono::minutes(3);
// A server that was not needed for a while is asked for its version before anything is sent.
constexpr auto kMomentary = std::chrono::seconds(1);

// Of a map by scopes, the part of one kind of them.
template <class ByScope>
auto of_scope(const ByScope& all, FailureScope scope) {
  return std::ranges::subrange(all.lower_bound({scope, {}, {}}), all.end()) |
         std::views::take_while([scope](const auto& entry) { return entry.first.scope == scope; });
}

// A wait for the server that passes by itself, and has just begun, tells an operator nothing.
bool tells(const Failure& failure, SteadyTime::duration waited) {
  const bool passes = failure.scope == FailureScope::server && failure.remedy.empty();
  return !passes || waited >= kMomentary;
}

}  // namespace

Holds::Holds(Parts parts)
    : parts_(parts),
      breakers_(RetryDelay{}, kOperatorWait, parts.clock, parts.random),
      unlinked_(parts.clock) {}

Turns::Kind Holds::kind_of(const GroupKey& group) const {
  Turns::Kind kind = Turns::Kind::known;
  for (const FailureScope scope : {FailureScope::link, FailureScope::experiment}) {
    const ScopeKey key = scope_key(scope, group);
    if (is_proven(key) || !is_peer_chosen(key, parts_.source)) continue;
    if (breakers_.find(key) != nullptr) return Turns::Kind::refused;
    kind = Turns::Kind::unproven;
  }
  return kind;
}

void Holds::block(const GroupKey& group, const ScopeKey& scope) {
  if (!blocked_.insert(group).second) return;
  behind_breaker_[scope].push_back(group);
  parts_.backlog.set_held(group, scope.scope != FailureScope::server);
}

std::optional<ScopeKey> Holds::held_alone_by(const GroupKey& group) const {
  ScopeKey link = scope_key(FailureScope::link, group);
  if (waits_.contains(link) || breakers_.find(link) != nullptr) return link;
  ScopeKey experiment = scope_key(FailureScope::experiment, group);
  if (waits_.contains(experiment) || breakers_.find(experiment) != nullptr) return experiment;
  return std::nullopt;
}

// What has no remedy passes by itself, e.g. a model that is being registered.
void Holds::refused(const GroupKey& group, Failure failure) {
  const ScopeKey key = scope_key(failure.scope, group);
  const auto [at, is_new] = waits_.try_emplace(key);
  if (is_new) at->second.since = parts_.clock.steady();
  const bool changed = is_new || at->second.failure.message != failure.message;
  at->second.failure = std::move(failure);
  if (const auto name = experiment_name_in(key.experiment); name && is_new) {
    named_experiments_[hash_link(encode_link(named_experiment(std::string(*name))))] = key;
  }
  const Failure& now = at->second.failure;
  if (changed && !now.remedy.empty()) {
    parts_.reporter.failure(report_subject(key, parts_.source), now.message, now.remedy);
  }
  note_stalled(key);
  if (key.scope == FailureScope::server || !blocked_.insert(group).second) return;
  behind_destination_[key].push_back(group);
  parts_.backlog.set_held(group, true);
}

void Holds::accepted(const GroupKey& group) {
  if (waits_.empty()) return;
  end_wait({});
  // Without a link, what names an experiment is accepted, and what names none is not.
  if (!group.link.is_zero() || group.experiment.empty()) {
    end_wait(scope_key(FailureScope::link, group));
  }
  if (!group.experiment.empty()) end_wait(scope_key(FailureScope::experiment, group));
}

bool Holds::forget_wait(const ScopeKey& key) {
  if (experiment_name_in(key.experiment)) {
    std::erase_if(named_experiments_, [&](const auto& entry) { return entry.second == key; });
  }
  return waits_.erase(key) > 0;
}

void Holds::end_wait(const ScopeKey& key) {
  if (!forget_wait(key)) return;
  note_stalled(key);
  scope_released_ = true;
  parts_.reporter.recovered(report_subject(key, parts_.source));
  release_all(behind_destination_, key);
}

// An operator has to do something, or it fails again and again. Anything else passes by itself in a
// moment: a model is being registered.
void Holds::note_stalled(const ScopeKey& key) {
  if (key.scope == FailureScope::server) return;
  const auto* breaker = breakers_.find(key);
  const auto wait = waits_.find(key);
  const bool is_refused =
      breaker != nullptr && (!breaker->failure.remedy.empty() || breaker->failures >= kHoldProbes);
  const bool waits_long =
      wait != waits_.end() && (!wait->second.failure.remedy.empty() ||
                               parts_.clock.steady() - wait->second.since >= kHoldConfirmed);
  parts_.backlog.set_stalled(key, is_refused || waits_long);
}

void Holds::failed(const GroupKey& group, const ScopeKey& key, const Failure& failure) {
  if (key.scope != FailureScope::server) proven_.erase(key);
  for (const ScopeKey& open : breakers_.failed(group, key, failure)) {
    note_stalled(open);
    release_all(behind_breaker_, open);
  }
  note_stalled(key);
}

void Holds::succeeded(const GroupKey& group) {
  scopes_released(breakers_.succeeded(group));
  for (const FailureScope scope : {FailureScope::link, FailureScope::experiment}) {
    const ScopeKey key = scope_key(scope, group);
    if (!is_proven(key) && is_peer_chosen(key, parts_.source)) prove(key);
  }
}

void Holds::scopes_released(const std::vector<ScopeKey>& keys) {
  for (const ScopeKey& key : keys) {
    scope_released_ |= key.scope != FailureScope::server;
    const bool others_are_held =
        key.scope == FailureScope::experiment && breakers_.holds_experiments();
    if (!others_are_held) parts_.reporter.recovered(report_subject(key, parts_.source));
    note_stalled(key);
    release_all(behind_breaker_, key);
    seat_again(key);
  }
}

// Their kind may have changed, and with it their place among the turns.
void Holds::seat_again(const ScopeKey& key) {
  if (key.scope == FailureScope::server) return;
  for (GroupKey& group : parts_.backlog.groups_in(key)) {
    if (!is_blocked(group)) released_.push_back(std::move(group));
  }
}

void Holds::prove(const ScopeKey& key) {
  proven_[key];
  seat_again(key);
}

bool Holds::forget_if_unused(const ScopeKey& key) {
  const auto* breaker = breakers_.find(key);
  const bool is_probed = breaker != nullptr && breaker->probing;
  if (is_probed || parts_.backlog.traces_in(key) > 0) return false;
  if (breakers_.forget(key)) release_all(behind_breaker_, key);
  if (forget_wait(key)) release_all(behind_destination_, key);
  note_stalled(key);
  return true;
}

void Holds::wake(const std::vector<LinkHash>& changed_links) {
  if (parts_.backlog.traces() == 0) waits_.erase(ScopeKey{});
  while (const auto due = breakers_.take_due()) release_one(behind_breaker_, *due);
  for (const LinkHash& link : changed_links) {
    release_one(behind_destination_, {FailureScope::link, link, {}});
    const auto named = named_experiments_.find(link);
    if (named != named_experiments_.end()) release_one(behind_destination_, named->second);
  }
}

void Holds::let_all_ask_again() {
  std::vector<ScopeKey> keys;
  for (const auto& [key, groups] : behind_destination_) keys.push_back(key);
  for (const ScopeKey& key : keys) release_all(behind_destination_, key);
}

void Holds::release(const GroupKey& group) {
  blocked_.erase(group);
  parts_.backlog.set_held(group, false);
  released_.push_back(group);
}

// The first that has something to send; the others ask themselves when they have.
void Holds::release_one(Blocked& from, const ScopeKey& key) {
  const auto found = from.find(key);
  if (found == from.end()) return;
  std::deque<GroupKey>& groups = found->second;
  while (!groups.empty()) {
    const GroupKey group = std::move(groups.front());
    groups.pop_front();
    release(group);
    if (parts_.backlog.has_due(group)) break;
  }
  if (groups.empty()) from.erase(found);
}

void Holds::release_all(Blocked& from, const ScopeKey& key) {
  const auto groups = from.extract(key);
  if (!groups) return;
  for (const GroupKey& group : groups.mapped()) release(group);
}

std::vector<GroupKey> Holds::take_released() { return std::exchange(released_, {}); }

bool Holds::take_scope_released() { return std::exchange(scope_released_, false); }

std::vector<Holds::GivenUp> Holds::peers_that_stay_refused() const {
  std::vector<GivenUp> given_up;
  for (const auto& [key, breaker] : breakers_.held()) {
    if (breaker.failures < kHoldProbes || !is_peer_chosen(key, parts_.source)) continue;
    if (breaker.failure.failure_class != FailureClass::configuration) continue;
    given_up.push_back({key, breaker.failure});
  }
  for (const auto& [key, wait] : waits_) {
    // A link whose experiment fails: the operator chose that.
    if (wait.failure.scope != key.scope || !wait.failure.is_permanent()) continue;
    if (parts_.clock.steady() - wait.since < kHoldConfirmed) continue;
    if (is_peer_chosen(key, parts_.source)) given_up.push_back({key, wait.failure});
  }
  return given_up;
}

std::size_t Holds::scopes() const {
  const auto only_waits =
      std::ranges::count_if(waits_, [this, now = parts_.clock.steady()](const auto& wait) {
        return breakers_.find(wait.first) == nullptr &&
               tells(wait.second.failure, now - wait.second.since);
      });
  return breakers_.held().size() + static_cast<std::size_t>(only_waits) + unlinked_.reasons();
}

HeldScope Holds::describe(const ScopeKey& key, const Failure& failure, SteadyTime since,
                          const Elsewhere& elsewhere) const {
  return {scope_name(key, parts_.source), failure.message, failure.remedy, since,
          parts_.backlog.traces_in(key) + elsewhere(key)};
}

std::vector<HeldScope> Holds::list(std::size_t max, const Elsewhere& elsewhere) const {
  std::vector<HeldScope> scopes;
  const auto add = [&](FailureScope scope, bool chosen_by_peers) {
    const auto is_wanted = [&](const ScopeKey& key) {
      return is_peer_chosen(key, parts_.source) == chosen_by_peers;
    };
    for (const auto& [key, breaker] : of_scope(breakers_.held(), scope)) {
      if (scopes.size() >= max) return;
      if (!is_wanted(key)) continue;
      scopes.push_back(describe(key, breaker.failure, breaker.since, elsewhere));
    }
    for (const auto& [key, wait] : of_scope(waits_, scope)) {
      if (scopes.size() >= max) return;
      if (breakers_.find(key) != nullptr || !is_wanted(key)) continue;
      if (!tells(wait.failure, parts_.clock.steady() - wait.since)) continue;
      scopes.push_back(describe(key, wait.failure, wait.since, elsewhere));
    }
  };
  add(FailureScope::server, false);
  add(FailureScope::link, false);
  for (HeldScope& scope : unlinked_.held(parts_.source)) {
    if (scopes.size() < max) scopes.push_back(std::move(scope));
  }
  add(FailureScope::link, true);
  add(FailureScope::experiment, true);
  return scopes;
}

}  // namespace tracelink
