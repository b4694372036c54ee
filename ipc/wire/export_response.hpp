#pragma once

#include <cstdint>
#include <string>

namespace tracelink {

// What ExportTraceServiceResponse says. Full success leaves partial_success unset, as OTLP demands.
struct ExportResponse {
  std::uint64_t rejected_spans = 0;
  std::string message;  // printable ASCII; sent with rejected spans only
};

std::string encode_response_protobuf(const ExportResponse& response);
std::string encode_response_json(const ExportResponse& response);

}  // namespace tracelink
