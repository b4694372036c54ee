#include "daemon/app/history.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

namespace tracelink {

namespace {

using nlohmann::ordered_json;

using Count = std::optional<std::uint64_t>;

Count known(const QueueStats& queue, std::uint64_t count) {
  return queue.totals_known ? Count(count) : std::nullopt;
}

double rounded(double value) { return std::round(value * 1000) / 1000; }

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

ordered_json rate(Count before, Count now, double time) {
  if (!before || !now || *now < *before || time <= 0) return nullptr;
  return rounded(static_cast<double>(*now - *before) / time);
}

}  // namespace

bool History::is_due() const {
  const MutexLock lock(mutex_);
  return samples_.empty() || clock_.steady() - samples_.back().at >= kStep;
}

void History::look(const QueueStats& queue, const ForwardStatus& forward) {
  Sample sample{.at = clock_.steady(),
                .accepted = known(queue, queue.accepted),
                .delivered = known(queue, queue.delivered),
                .queued = known(queue, queue.queued_spans),
                .failures = forward.counters.failures.total(),
                .delivered_traces = forward.counters.delivered_traces,
                .lag_sum = forward.counters.lag.sum_seconds()};
  if (queue.oldest_accepted_at) {
    const auto age = clock_.wall() - *queue.oldest_accepted_at;
    sample.oldest_age = std::max(0.0, std::chrono::duration<double>(age).count());
  }
  const MutexLock lock(mutex_);
  samples_.push_back(sample);
  if (samples_.size() > kMaxSamples) samples_.pop_front();
}

std::string History::json() const {
  ordered_json age = ordered_json::array(), accepted = age, delivered = age, failures = age,
               queued = age, oldest = age, lag = age;
  const MutexLock lock(mutex_);
  const SteadyTime now = clock_.steady();
  for (std::size_t i = 1; i < samples_.size(); ++i) {
    const Sample& before = samples_[i - 1];
    const Sample& sample = samples_[i];
    const double time = seconds(sample.at - before.at);
    const auto traces = static_cast<double>(sample.delivered_traces - before.delivered_traces);
    age.push_back(rounded(seconds(now - sample.at)));
    accepted.push_back(rate(before.accepted, sample.accepted, time));
    delivered.push_back(rate(before.delivered, sample.delivered, time));
    failures.push_back(rate(before.failures, sample.failures, time));
    queued.push_back(sample.queued ? ordered_json(*sample.queued) : ordered_json());
    oldest.push_back(rounded(sample.oldest_age));
    lag.push_back(traces > 0 ? ordered_json(rounded((sample.lag_sum - before.lag_sum) / traces))
                             : ordered_json());
  }
  return ordered_json{{"age_s", age},
                      {"accepted_per_s", accepted},
                      {"delivered_per_s", delivered},
                      {"failures_per_s", failures},
                      {"queued_spans", queued},
                      {"oldest_age_s", oldest},
                      {"lag_s", lag}}
      .dump();
}

}  // namespace tracelink
