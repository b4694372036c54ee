#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/rest/answer.hpp"

namespace tracelink {

// What an answer to POST /v1/traces proves. MLflow's success is 200 with an empty
// ExportTraceServiceResponse (3.6: the same as JSON); any other success is another program's, and a
// configuration failure of the server. An OpenTelemetry Collector answers the same bytes, so
// that a success says no more than that MLflow may have answered.
Answer<void> read_export_answer(const Result<HttpResponse>& answer);

// What an ExportTraceServiceResponse says of spans that were not taken.
struct PartialSuccess {
  std::int64_t rejected_spans = 0;
  std::string message;
};
// `body`: in protobuf. Nothing: it says nothing of that. Error: `invalid`, the bytes are none.
Result<std::optional<PartialSuccess>> read_partial_success(std::string_view body);

}  // namespace tracelink
