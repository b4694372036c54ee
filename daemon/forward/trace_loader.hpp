#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "daemon/forward/trace_work.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"
#include "daemon/queue/record_source.hpp"

namespace tracelink {

// What the records of a trace hold.
struct Payloads {
  std::vector<std::string> slices;  // spans of the work's parts; of an info none
  std::string info;                 // that of an MLflow SDK, the last one; or empty
  std::string change;               // of a work that is one
};

struct LoadedTrace {
  PreparedTrace prepared;
  Payloads payloads;
};

// Reads the payloads of a trace again and merges them; of a change only the trace id is set. Parts
// that the queue lost meanwhile (and counted) are taken out of `work`, whatever the result. Errors:
// `io`: try later; `closed`: no part is left, there is nothing to complete; `corrupt`: the spans
// cannot be merged.
Result<LoadedTrace> load_trace(const RecordSource& source, TraceWork& work);

// The payloads alone, with the same errors but `corrupt`.
Result<Payloads> load_payloads(const RecordSource& source, TraceWork& work);

// The spans of `trace` whose index in its otlp is wanted, with the info of the whole trace, but
// for the number of spans. Error: `corrupt`.
Result<PreparedTrace> select_spans(const PreparedTrace& trace,
                                   const std::function<bool(std::size_t)>& wanted);

}  // namespace tracelink
