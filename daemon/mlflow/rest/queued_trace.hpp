#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/types/record.hpp"

namespace tracelink {

// A trace that is stored here and not at the server yet, as the server will tell it.
struct QueuedTrace {
  std::string info;   // the object `trace_info`, with what was changed since
  std::string spans;  // the array `spans`, empty unless asked for
  bool is_deleted = false;

  std::string json() const;  // as MLflow's answers have a trace
};

// `slices`: all that is known of the trace, in the order of arrival. `artifact_root`: its
// experiment's artifact_location. Nothing if the SDK has not told its info, or the spans cannot be
// read.
std::optional<QueuedTrace> queued_trace(const std::vector<TraceSlice>& slices,
                                        const std::string& artifact_root, bool with_spans);

// The experiment of the last info among them; empty: there is none.
std::string experiment_of(const std::vector<TraceSlice>& slices);

// One of the assessments of a trace info, as JSON; empty: there is none of this id.
std::string assessment_in(const std::string& info, const std::string& assessment_id);
// That of MLflow's answer to a request for one; empty: it is another answer.
std::string assessment_in_answer(std::string_view answer);

}  // namespace tracelink
