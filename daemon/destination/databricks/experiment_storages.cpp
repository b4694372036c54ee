#include "daemon/destination/databricks/experiment_storages.hpp"

#include <algorithm>
#include <utility>

#include "daemon/base/retry_delay.hpp"

namespace tracelink {
namespace {

constexpr RetryDelay kDelay{};

Failure not_answered_yet(const std::string& experiment_id) {
  Failure failure;
  failure.scope = FailureScope::link;
  failure.message = "where the traces of experiment " + experiment_id + " live is being asked";
  return failure;
}

}  // namespace

ExperimentStorages::ExperimentStorages(std::optional<TraceStorage> configured,
                                       DatabricksClient& client, const Clock& clock,
                                       RandomSource& random)
    : configured_(std::move(configured)), client_(client), clock_(clock), random_(random) {}

ExperimentStorages::Entry& ExperimentStorages::entry(const std::string& experiment_id) {
  const auto [at, is_new] = entries_.try_emplace(experiment_id);
  if (!is_new) return at->second;
  order_.push_back(experiment_id);
  while (order_.size() > kMaxExperiments) {
    if (order_.front() != experiment_id) entries_.erase(order_.front());
    order_.pop_front();
  }
  return at->second;
}

Answer<TraceStorage> ExperimentStorages::find(const std::string& experiment_id,
                                              const LinkHash& link) {
  Entry& known = entry(experiment_id);
  if (known.storage) return *known.storage;
  known.waiting.insert(link);
  if (!known.asking && clock_.steady() >= known.due) ask(experiment_id, known);
  return known.failure.value_or(not_answered_yet(experiment_id));
}

void ExperimentStorages::ask(const std::string& experiment_id, Entry& entry) {
  entry.asking = true;
  client_.get_experiment_tags(experiment_id,
                              [this, experiment_id](const Answer<DatabricksClient::Tags>& answer) {
                                answered(experiment_id, answer);
                              });
}

void ExperimentStorages::answered(const std::string& experiment_id,
                                  const Answer<DatabricksClient::Tags>& answer) {
  const auto found = entries_.find(experiment_id);
  if (found == entries_.end()) return;  // forgotten meanwhile
  Entry& known = found->second;
  known.asking = false;
  if (!answer) return failed(known, answer.error());
  known.storage = storage_of(*answer, configured_);
  known.failure.reset();
  known.failures = 0;
  wake(known);
}

void ExperimentStorages::failed(Entry& entry, const Failure& failure) {
  entry.failure = failure;
  if (failure.scope == FailureScope::experiment) entry.failure->scope = FailureScope::link;
  auto wait = kDelay.after(++entry.failures, random_, failure.retry_after);
  if (failure.failure_class == FailureClass::configuration) {
    wait = std::max(wait, kOperatorWait);
  }
  entry.due = clock_.steady() + wait;
  wake(entry);
}

void ExperimentStorages::wake(Entry& entry) {
  changed_.insert(changed_.end(), entry.waiting.begin(), entry.waiting.end());
  entry.waiting.clear();
}

std::vector<LinkHash> ExperimentStorages::take_changed_links() {
  return std::exchange(changed_, {});
}

std::optional<SteadyTime> ExperimentStorages::next_due() const {
  std::optional<SteadyTime> next;
  for (const auto& [id, entry] : entries_) {
    if (entry.storage || entry.asking || !entry.failure || entry.waiting.empty()) continue;
    next = next ? std::min(*next, entry.due) : entry.due;
  }
  return next;
}

void ExperimentStorages::advance() {
  for (auto& [id, entry] : entries_) {
    const bool waits = !entry.storage && !entry.asking && entry.failure && !entry.waiting.empty();
    if (waits && clock_.steady() >= entry.due) ask(id, entry);
  }
}

}  // namespace tracelink
