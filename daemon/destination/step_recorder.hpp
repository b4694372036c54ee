#pragma once

#include <cstddef>
#include <utility>

#include "daemon/base/clock.hpp"
#include "daemon/destination/delivery_steps.hpp"
#include "daemon/mlflow/rest/answer.hpp"

namespace tracelink {

// Counts the requests of deliveries by step, with how they ended and how long they took.
// Threads: the forwarder's. Lifetime: outlives every handler that it made, as does the clock.
class StepRecorder {
 public:
  explicit StepRecorder(const Clock& clock) : clock_(clock) {}

  // `handler`, with its answer counted first. Called when the request is sent.
  template <class T>
  AnswerHandler<T> counted(DeliveryStep step, AnswerHandler<T> handler) {
    return [this, step, sent = clock_.steady(), handler = std::move(handler)](Answer<T> answer) {
      StepCount& count = counts_.at(static_cast<std::size_t>(step));
      ++(answer ? count.ok : count.failures[answer.error().failure_class]);
      count.time.add(clock_.steady() - sent);
      handler(std::move(answer));
    };
  }
  const StepCounts& counts() const { return counts_; }

 private:
  const Clock& clock_;
  StepCounts counts_{};
};

}  // namespace tracelink
