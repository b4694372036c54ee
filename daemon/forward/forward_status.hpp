#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/histogram.hpp"
#include "daemon/destination/destination.hpp"
#include "daemon/forward/model_counters.hpp"
#include "daemon/report/last_error.hpp"

namespace tracelink {

// Traces that wait because of one failing thing.
struct HeldScope {
  std::string scope;  // server, experiment <id>, link <name>
  std::string reason;
  std::string remedy;  // empty when waiting is all there is to do
  SteadyTime since{};
  std::size_t traces = 0;
};

// Traces whose root has not come, and nothing that could stand for it. If nothing more comes, the
// first of them is sent without it at `first`, the last at `last`.
struct WaitingForRoot {
  std::size_t traces = 0;
  SteadyTime first{}, last{};
};

// Since the start of the process.
struct ForwardCounters {
  std::uint64_t batches = 0;
  std::uint64_t delivered_traces = 0;
  std::uint64_t dead_lettered_traces = 0;  // in whole or in part
  std::uint64_t pieces = 0;                // of traces that were too large to be held at once
  // Of attempts of a trace.
  FailureCounts failures;
  // From the acceptance of a trace's first record to the delivery of the trace, or of a part.
  DurationHistogram lag{kLagBounds};
};

// The delivery loop at one moment.
struct ForwardStatus {
  std::vector<HeldScope> held;  // the first of them, operators' before peers'
  std::size_t held_scopes = 0;  // all
  std::optional<SteadyTime> last_delivery_at;
  std::optional<LastError> last_error;
  ServerStatus server;
  std::size_t assembling_traces = 0;
  WaitingForRoot waiting_for_root;  // of them
  std::size_t waiting_traces = 0;
  std::size_t in_flight_traces = 0;
  std::size_t parked_traces = 0;  // refused for good, and no room for a dead letter
  double traces_per_second = 0;   // at most; 0: no limit
  std::size_t dead_letters = 0;
  std::uint64_t dead_letter_bytes = 0;
  ForwardCounters counters;
  std::vector<ModelCount> models;
  SteadyTime stepped_at{};  // the last round of the loop
  bool is_stuck = false;    // rounds are made, traces could go, and for long none has
};

}  // namespace tracelink
