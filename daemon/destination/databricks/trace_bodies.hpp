#pragma once

#include <map>
#include <string>
#include <string_view>

#include "daemon/destination/databricks/trace_storage.hpp"
#include "daemon/mlflow/rest/queries.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"

namespace tracelink {

// What is said about a trace beside its spans, in the forms of Databricks
// (docs/databricks.md#requests).

struct TraceContext {
  std::string model_id;                         // empty: no link
  std::string experiment_id;                    // experiment storage only
  std::map<std::string, std::string> metadata;  // gives way to the trace's own
  std::map<std::string, std::string> tags;      // give way to the trace's own
};

// "trace:/catalog.schema.prefix/<32 hex>"
std::string trace_name_in(const TraceStorage& storage, TraceId trace_id);

// The body of StartTraceV3.
std::string experiment_info_body(const TraceInfo& info, const TraceContext& context);
// The body of the V4 info: the TraceInfo itself.
std::string unity_catalog_info_body(const TraceInfo& info, const TraceStorage& storage,
                                    const TraceContext& context);

// The body of a search in Unity Catalog, newest first.
std::string trace_search_body(const TraceStorage& storage, const TraceQuery& query,
                              const std::string& warehouse_id);

}  // namespace tracelink
