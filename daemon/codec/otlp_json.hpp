#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink {

// OTLP/JSON ExportTraceServiceRequest (or TracesData) to its protobuf encoding. Ids are hex, 64-bit
// integers may be strings, enum values may be numbers or names, unknown fields are ignored. Errors:
// `invalid` (with byte offset or field), `too_large` for an output over max_bytes or more than
// kMaxJsonTokens. With `refused`, a span with a value that its field cannot have is left out and
// noted there; it is an error without, and outside of spans. Threads: any. Source: OTLP
// specification, "JSON Protobuf Encoding".
struct RefusedSpans {
  std::uint64_t count = 0;
  std::string first_reason;
};
Result<std::string> otlp_json_to_protobuf(std::string json, std::size_t max_bytes,
                                          RefusedSpans* refused = nullptr);

// Four bytes of memory are needed for each token, so that a body of nothing but brackets would need
// four times its size. 64 MiB of real spans have about half as many.
inline constexpr std::size_t kMaxJsonTokens = 32u << 20;

// The reverse, one line, no trailing newline. Precondition for success: a valid TracesData message,
// else `invalid`.
Result<std::string> otlp_protobuf_to_json(std::string_view protobuf);

}  // namespace tracelink
