#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// A resource attribute of the daemon's own, by which a request's `x-mlflow-run-id` stays with its
// spans: in the queue, among the dead letters, through a replay. It is taken off before delivery.
inline constexpr std::string_view kRunAttribute = "tracelink.mlflow_run_id";

// `traces_data` with the attribute on its first resource: it is of the trace, and costs it once
// however many there are. Precondition: valid, as after split_request().
std::string with_run(std::string_view traces_data, std::string_view run_id);

// The fields of a ResourceSpans without the attribute; `run_id` gets its value.
std::string without_run(std::string_view resource_fields, std::string& run_id);

}  // namespace tracelink
