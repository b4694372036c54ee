#pragma once

#include <set>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"
#include "daemon/destination/databricks/trace_storage.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"

namespace tracelink {

// The spans of a prepared trace in the forms of Databricks. Pure. Errors: `corrupt` if `otlp` does
// not parse.

// For Unity Catalog: OTLP, each span with mlflow.traceRequestId, the root with the user and the
// session of the trace. Attributes stay typed.
Result<std::string> unity_catalog_spans(const PreparedTrace& trace, const TraceStorage& storage);

// For experiment storage: traces.json, as MLflow's client writes and reads it, with the spans of
// the trace behind those that the file `stored` has beside them. `corrupt` also if that is none.
Result<std::string> traces_json(const PreparedTrace& trace, std::string_view stored = {});

// The ids of the spans.
Result<std::set<SpanId>> span_ids_of(std::string_view otlp);

}  // namespace tracelink
