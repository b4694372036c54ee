#pragma once

#include <string>

#include "daemon/destination/databricks/trace_storage.hpp"
#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink {

enum class DatabricksCall {
  experiment,
  trace_info,   // of a trace in Unity Catalog
  spans,        // the same
  query,        // of traces there, by a SQL warehouse
  start_trace,  // and what is asked about a trace beside an experiment
  credentials,
  upload,  // and a download: object storage answers
  volume,  // the same of a volume: the workspace answers
};

// What a request was about, for the words of its remedy.
struct DatabricksRequest {
  DatabricksCall call = DatabricksCall::experiment;
  TraceStorage storage{};
  std::string volume = {};  // a path in it
};

// Classifies an answer of Databricks that is not a success (docs/databricks.md#what-answers-mean).
// Pure. A configuration failure has a remedy: the GRANT, the switch or the key.
Failure classify_databricks(const DatabricksRequest& request, const Result<HttpResponse>& answer);

// A success whose body is not what Databricks says to this request.
Failure not_databricks(const HttpResponse& response, std::string message);

// An answer about an experiment's files that is of no use for them.
Failure not_of_storage(std::string message);

// StartTraceV3 was sent before: the trace info is stored.
bool says_info_exists(const Failure& failure);
// The workspace knows the address, and says that there is nothing of that name. Another 404, as of
// a proxy, proves nothing.
bool says_missing(const Failure& failure);
// The same of object storage, in the words of S3 and Google Cloud Storage, or of either Azure kind.
bool says_no_object(const HttpResponse& answer);
// The signed URL has expired, or is refused for another reason: fresh ones may be accepted.
bool refuses_signature(const Failure& failure);
// The server may have stored what was sent, although it did not say so.
bool may_be_stored(const Failure& failure);

}  // namespace tracelink
