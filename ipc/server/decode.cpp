#include "ipc/server/decode.hpp"

#include <utility>

#include "daemon/codec/otlp_json.hpp"

namespace tracelink {

Result<SplitRequest> decode_body(RequestBody body, std::size_t max_bytes) {
  if (body.encoding != ContentEncoding::identity) {
    auto plain = decompress(body.encoding, body.bytes, max_bytes);
    if (!plain) return std::move(plain).error();
    body.bytes = *std::move(plain);
  }
  if (body.format == BodyFormat::json) {
    auto protobuf = otlp_json_to_protobuf(body.bytes, max_bytes);
    if (!protobuf) return std::move(protobuf).error();
    body.bytes = *std::move(protobuf);
  }
  SplitLimits limits;
  limits.max_bytes = max_bytes;
  return split_request(body.bytes, limits);
}

}  // namespace tracelink
