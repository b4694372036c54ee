#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "daemon/forward/trace_work.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"
#include "daemon/queue/record_source.hpp"

namespace tracelink {

struct LoadedTrace {
  PreparedTrace prepared;
  std::vector<std::string> slices;  // of the work's parts
};

// Reads the payloads of a trace again and merges them. Parts that the queue lost meanwhile (and
// counted) are taken out of `work`. Errors: `io`: try later; `closed`: no part is left, there is
// nothing to complete; `corrupt`: the spans cannot be merged.
Result<LoadedTrace> load_trace(const RecordSource& source, TraceWork& work);

// The payloads alone, with the same errors but `corrupt`.
Result<std::vector<std::string>> load_slices(const RecordSource& source, TraceWork& work);

// The spans of `trace` whose index in its otlp is wanted, with the info of the whole trace less the
// number of spans. Error: `corrupt`.
Result<PreparedTrace> select_spans(const PreparedTrace& trace,
                                   const std::function<bool(std::size_t)>& wanted);

}  // namespace tracelink
