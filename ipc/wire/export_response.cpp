#include "ipc/wire/export_response.hpp"

#include <protozero/pbf_writer.hpp>

#include "ipc/wire/json_text.hpp"

namespace tracelink {

std::string encode_response_protobuf(const ExportResponse& response) {
  std::string bytes;
  if (response.rejected_spans == 0) return bytes;
  std::string partial;
  protozero::pbf_writer writer(partial);
  writer.add_int64(1, static_cast<std::int64_t>(response.rejected_spans));
  writer.add_string(2, response.message);
  protozero::pbf_writer(bytes).add_message(1, partial);
  return bytes;
}

std::string encode_response_json(const ExportResponse& response) {
  if (response.rejected_spans == 0) return "{}";
  // 64-bit integers are strings in protobuf's JSON.
  return "{\"partialSuccess\":{\"rejectedSpans\":\"" + std::to_string(response.rejected_spans) +
         "\",\"errorMessage\":" + quote_json(response.message) + "}}";
}

}  // namespace tracelink
