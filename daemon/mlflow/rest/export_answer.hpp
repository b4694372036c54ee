#pragma once

#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/rest/answer.hpp"

namespace tracelink {

// What an answer to POST /v1/traces proves. MLflow's success is 200 with an empty
// ExportTraceServiceResponse (3.6: the same as JSON); any other success is another program's, and a
// configuration failure of the server. An OpenTelemetry Collector answers the same bytes, so
// that a success says no more than that MLflow may have answered.
Answer<void> read_export_answer(const Result<HttpResponse>& answer);

}  // namespace tracelink
