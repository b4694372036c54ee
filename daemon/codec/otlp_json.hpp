#pragma once

#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink {

// OTLP/JSON ExportTraceServiceRequest (or TracesData) to its protobuf encoding. Ids are hex, 64-bit
// integers may be strings, enum values may be numbers or names, unknown fields are ignored. Errors:
// `invalid` (with byte offset or field), `too_large` for an output over max_bytes. Threads: any.
// Source: OTLP specification, "JSON Protobuf Encoding".
Result<std::string> otlp_json_to_protobuf(std::string_view json, std::size_t max_bytes);

// The reverse, one line, no trailing newline. Precondition for success: a valid TracesData message,
// else `invalid`.
Result<std::string> otlp_protobuf_to_json(std::string_view protobuf);

}  // namespace tracelink
