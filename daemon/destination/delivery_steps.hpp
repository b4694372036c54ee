#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "daemon/base/histogram.hpp"
#include "daemon/mlflow/rest/failure_counts.hpp"

namespace tracelink {

// The requests of which the delivery of a trace consists (docs/design.md#delivery).
enum class DeliveryStep {
  look_up,    // whether the trace is known, and where it lives
  info,       // the trace info, with the link
  spans,      // the spans of some traces
  read_back,  // whether the spans are there, or what their tokens sum up to
  end,        // what can be told only after the spans
  run,        // the run that the client named
  change,     // a tag, an assessment or a prompt link, after the trace
};
inline constexpr std::size_t kDeliverySteps = 7;

constexpr const char* to_string(DeliveryStep step) {
  switch (step) {
    case DeliveryStep::look_up:
      return "look_up";
    case DeliveryStep::info:
      return "info";
    case DeliveryStep::spans:
      return "spans";
    case DeliveryStep::read_back:
      return "read_back";
    case DeliveryStep::end:
      return "end";
    case DeliveryStep::run:
      return "run";
    case DeliveryStep::change:
      return "change";
  }
  return "spans";
}

// Answered requests of one step, by how they ended.
struct StepCount {
  std::uint64_t ok = 0;
  FailureCounts failures;
  DurationHistogram time{kOperationBounds};
};

using StepCounts = std::array<StepCount, kDeliverySteps>;

}  // namespace tracelink
