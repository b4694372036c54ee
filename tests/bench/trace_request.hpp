#pragma once

#include <cstdint>
#include <string>

namespace tracelink::bench {

// A gRPC message with one ExportTraceServiceRequest of about 1.6 KB: one trace of some spans, the
// root last, as an agent's SDK would send it. Every `number` makes another trace id;
// `padding_bytes` lengthens one attribute.
std::string make_grpc_request(std::uint64_t number, std::size_t padding_bytes,
                              std::size_t spans = 3);

}  // namespace tracelink::bench
