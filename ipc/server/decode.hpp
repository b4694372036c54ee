#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/codec/compression.hpp"
#include "daemon/codec/split_request.hpp"
#include "ipc/server/record_sink.hpp"

namespace tracelink {

enum class BodyFormat { protobuf, json };

// The body of a request as it came off the wire.
struct RequestBody {
  BodyFormat format = BodyFormat::protobuf;
  ContentEncoding encoding = ContentEncoding::identity;
  std::string bytes;
};

struct DecodeOptions {
  std::size_t max_bytes = 0;
  std::string run = {};       // of the x-mlflow-run-id header: put on each slice
  bool holds_stored = false;  // StoredTraces are asked for what was stored
};

// A request with all that its sink is told of it.
struct DecodedRequest {
  SplitRequest split;
  std::vector<ServiceSlices> services = {};
  std::vector<StoredTraces::Addition> to_hold = {};

  std::size_t bytes() const;  // in memory
};

// Decompresses, transcodes and splits; each step within max_bytes. Errors: `invalid`, `too_large`.
// Threads: any.
Result<DecodedRequest> decode_body(RequestBody body, const DecodeOptions& options);
// The same of what is split already; the run is not looked at.
DecodedRequest read_slices(SplitRequest split, bool holds_stored);

}  // namespace tracelink
