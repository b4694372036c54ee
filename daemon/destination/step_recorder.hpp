#pragma once

#include <cstddef>
#include <utility>
#include <variant>

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
      ++of_class(count, std::get_if<Failure>(&answer));
      count.time.add(clock_.steady() - sent);
      handler(std::move(answer));
    };
  }
  const StepCounts& counts() const { return counts_; }

 private:
  static std::uint64_t& of_class(StepCount& count, const Failure* failure) {
    if (failure == nullptr) return count.ok;
    switch (failure->failure_class) {
      case FailureClass::transient:
        return count.transient;
      case FailureClass::configuration:
        return count.configuration;
      case FailureClass::poison:
        return count.poison;
      case FailureClass::unknown:
        return count.unknown;
    }
    return count.unknown;
  }

  const Clock& clock_;
  StepCounts counts_{};
};

}  // namespace tracelink
