#pragma once

#include <optional>
#include <string>

#include "daemon/cli/tracking_session.hpp"

// Reading traces, wherever the server keeps them: with MLflow's search, or in Databricks' Unity
// Catalog by a SQL warehouse. Without a warehouse id that is a Failure that names the key.
namespace tracelink::cli {

Answer<TracePage> search_traces(TrackingSession& session, const TraceQuery& query);

// TrackingClient::read_trace_error() of a trace of the experiment.
Answer<std::optional<std::string>> read_trace_error(TrackingSession& session,
                                                    const std::string& experiment_id,
                                                    const std::string& trace);

// How many spans of the trace there are. Precondition: session.databricks().
Answer<std::size_t> count_spans(TrackingSession& session, const TraceStorage& storage,
                                TraceId trace_id);

}  // namespace tracelink::cli
