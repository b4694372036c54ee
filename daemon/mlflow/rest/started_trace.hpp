#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// What the answer to StartTraceV3 says about the trace. What it does not say is empty.
struct StartedTrace {
  std::string name;      // "tr-…"
  std::string model_id;  // its link
  std::string experiment_id;
  bool has_spans = false;
};

// Nothing if the answer is no JSON object. What stands beside these facts is not looked at, since
// the answer repeats all that the trace was started with, for each trace.
std::optional<StartedTrace> read_started_trace(std::string_view answer);

}  // namespace tracelink
