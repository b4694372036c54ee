#include "ipc/server/stored_traces.hpp"

#include <utility>

#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"

namespace tracelink {
namespace {

// An artifact that is missing is no gap: the trace reads without it.
StoredTraces::Addition without_content(const TraceSlice& slice) {
  TraceSlice name;
  name.trace_id = slice.trace_id;
  name.span_count = slice.span_count;
  return {.slice = std::move(name), .is_whole = is_artifact(slice.change)};
}

}  // namespace

std::size_t StoredTraces::bytes_of(const TraceSlice& slice) {
  constexpr std::size_t kSliceCost = 256;  // beside its bytes
  return slice.otlp.size() + slice.info.size() + slice.change.size() + kSliceCost;
}

std::vector<StoredTraces::Addition> StoredTraces::worth_holding(
    const std::vector<TraceSlice>& slices) {
  std::vector<Addition> worth;
  worth.reserve(slices.size());
  std::size_t held = 0;
  for (const TraceSlice& slice : slices) {
    const std::size_t bytes = bytes_of(slice);
    const bool fits = bytes <= kMaxTraceBytes && held + bytes <= kMaxBytes;
    worth.push_back(fits ? Addition{.slice = slice} : without_content(slice));
    held += fits ? bytes : 0;
  }
  return worth;
}

void StoredTraces::add(Addition addition) {
  const MutexLock lock(mutex_);
  Stored& stored = stored_of(addition.slice.trace_id);
  stored.spans += addition.slice.span_count;
  hold(stored, std::move(addition));
  keep_bounds();
}

void StoredTraces::add(TraceSlice slice) {
  std::string experiment;
  if (!slice.info.empty()) experiment = experiment_of_client_info(slice.info);
  {
    const MutexLock lock(mutex_);
    tell_experiment(stored_of(slice.trace_id), std::move(experiment));
  }
  add(Addition{.slice = std::move(slice)});
}

void StoredTraces::announce(const TraceId& id, std::uint64_t spans, std::string experiment) {
  const MutexLock lock(mutex_);
  Stored& stored = stored_of(id);
  stored.announced = spans;
  tell_experiment(stored, std::move(experiment));
  keep_bounds();
}

void StoredTraces::tell_experiment(Stored& stored, std::string experiment) {
  if (experiment.empty()) return;
  if (experiment.size() > kMaxExperimentBytes) experiment.clear();
  stored.experiment = std::move(experiment);
}

StoredTraces::Stored& StoredTraces::stored_of(const TraceId& id) {
  const auto [at, is_new] = traces_.try_emplace(id);
  if (is_new) order_.push_back(id);
  return at->second;
}

void StoredTraces::hold(Stored& stored, Addition addition) {
  if (stored.is_partial) return;
  const auto fits = [&] {
    return addition.is_whole && stored.bytes + bytes_of(addition.slice) <= limits_.trace_bytes;
  };
  if (is_artifact(addition.slice.change) && !fits()) addition = without_content(addition.slice);
  if (!fits()) {
    let_go(stored);
    stored.is_partial = true;
    return;
  }
  const std::size_t bytes = bytes_of(addition.slice);
  if (stored.slices.empty()) holding_.push_back(addition.slice.trace_id);
  stored.slices.push_back(std::move(addition.slice));
  stored.bytes += bytes;
  bytes_ += bytes;
}

void StoredTraces::let_go(Stored& stored) {
  bytes_ -= stored.bytes;
  stored.bytes = 0;
  stored.slices.clear();
}

// A trace that let go and holds something again stands among the holding ones twice.
void StoredTraces::keep_bounds() {
  while (bytes_ > limits_.bytes || holding_.size() > limits_.traces) {
    const auto oldest = traces_.find(holding_.front());
    holding_.pop_front();
    if (oldest == traces_.end() || oldest->second.slices.empty()) continue;
    let_go(oldest->second);
    oldest->second.is_partial = true;
  }
  while (order_.size() > limits_.traces) {
    const auto oldest = traces_.find(order_.front());
    let_go(oldest->second);
    traces_.erase(oldest);
    order_.pop_front();
  }
}

void StoredTraces::delivered(const TraceId& id) {
  const MutexLock lock(mutex_);
  const auto found = traces_.find(id);
  if (found == traces_.end()) return;
  let_go(found->second);
  found->second.is_partial = false;
}

bool StoredTraces::has_all_spans(const TraceId& id) const {
  const MutexLock lock(mutex_);
  const auto found = traces_.find(id);
  if (found == traces_.end()) return false;
  return found->second.spans >= std::max<std::uint64_t>(found->second.announced, 1);
}

bool StoredTraces::knows(const TraceId& id) const {
  const MutexLock lock(mutex_);
  return traces_.contains(id);
}

std::string StoredTraces::experiment(const TraceId& id) const {
  const MutexLock lock(mutex_);
  const auto found = traces_.find(id);
  return found == traces_.end() ? std::string() : found->second.experiment;
}

std::size_t StoredTraces::bytes(const std::vector<TraceId>& ids) const {
  const MutexLock lock(mutex_);
  std::size_t bytes = 0;
  for (const TraceId& id : ids) {
    const auto found = traces_.find(id);
    if (found != traces_.end()) bytes += found->second.bytes;
  }
  return bytes;
}

std::vector<TraceSlice> StoredTraces::content(const TraceId& id) const {
  const MutexLock lock(mutex_);
  const auto found = traces_.find(id);
  return found == traces_.end() ? std::vector<TraceSlice>() : found->second.slices;
}

std::optional<std::vector<std::vector<TraceSlice>>> StoredTraces::undelivered() const {
  const MutexLock lock(mutex_);
  std::vector<std::vector<TraceSlice>> all;
  for (const auto& [id, stored] : traces_) {
    if (stored.is_partial) return std::nullopt;
    if (!stored.slices.empty()) all.push_back(stored.slices);
  }
  return all;
}

}  // namespace tracelink
