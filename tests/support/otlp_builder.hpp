#pragma once

#include <string>

#include <protozero/pbf_writer.hpp>

namespace tracelink {

// One root span as ExportTraceServiceRequest. Requests can be joined by concatenation.
// trace_byte 0 makes an all-zero trace id, which is refused.
inline std::string one_span(char trace_byte, std::size_t name_bytes = 4) {
  std::string span, scope_spans, resource_spans, request;
  protozero::pbf_writer writer(span);
  writer.add_bytes(1, std::string(16, trace_byte));
  writer.add_bytes(2, std::string(8, '\x07'));
  writer.add_string(5, std::string(name_bytes, 'n'));
  protozero::pbf_writer(scope_spans).add_message(2, span);
  protozero::pbf_writer(resource_spans).add_message(2, scope_spans);
  protozero::pbf_writer(request).add_message(1, resource_spans);
  return request;
}

inline const std::string kOneSpanJson =
    R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10",)"
    R"("spanId":"0102030405060708","name":"n"}]}]}]})";

}  // namespace tracelink
