#pragma once

#include <string>

#include "daemon/base/result.hpp"
#include "daemon/codec/compression.hpp"
#include "daemon/codec/split_request.hpp"

namespace tracelink {

enum class BodyFormat { protobuf, json };

// The body of a request as it came off the wire.
struct RequestBody {
  BodyFormat format = BodyFormat::protobuf;
  ContentEncoding encoding = ContentEncoding::identity;
  std::string bytes;
};

// Decompresses, transcodes and splits; each step within max_bytes. Errors: `invalid`, `too_large`.
// Threads: any.
Result<SplitRequest> decode_body(RequestBody body, std::size_t max_bytes);

}  // namespace tracelink
