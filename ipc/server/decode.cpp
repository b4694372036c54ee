#include "ipc/server/decode.hpp"

#include <string_view>
#include <utility>

#include "daemon/codec/json_repair.hpp"
#include "daemon/codec/otlp_json.hpp"
#include "daemon/codec/run_attribute.hpp"
#include "daemon/codec/service_name.hpp"

namespace tracelink {
namespace {

Result<SplitRequest> split_body(RequestBody body, std::size_t max_bytes) {
  if (body.encoding != ContentEncoding::identity) {
    auto plain = decompress(body.encoding, body.bytes, max_bytes);
    if (!plain) return std::move(plain).error();
    body.bytes = *std::move(plain);
  }
  RepairedJson repaired;
  RefusedSpans refused;
  if (body.format == BodyFormat::json) {
    repaired = repair_json(body.bytes, max_bytes);
    if (body.bytes.size() > max_bytes) {
      return Error{ErrorCode::too_large,
                   "more than " + std::to_string(max_bytes) + " bytes of JSON"};
    }
    auto protobuf = otlp_json_to_protobuf(std::move(body.bytes), max_bytes, &refused);
    if (!protobuf) return std::move(protobuf).error();
    body.bytes = *std::move(protobuf);
  }
  SplitLimits limits;
  limits.max_bytes = max_bytes;
  auto split = split_request(body.bytes, limits);
  if (!split) return split;
  split->replaced_utf8 += repaired.utf8;
  split->replaced_surrogates = repaired.surrogates;
  if (refused.count > 0) {
    split->rejected[std::string(kRejectJson)] = refused.count;
    if (split->first_rejection.empty()) split->first_rejection = refused.first_reason;
  }
  return split;
}

std::vector<ServiceSlices> services_of(const std::vector<TraceSlice>& slices) {
  std::vector<ServiceSlices> services;
  for (const TraceSlice& slice : slices) {
    const std::string_view service = service_name(slice.otlp);
    if (services.empty() || services.back().service != service) {
      services.push_back({.service = std::string(service)});
    }
    ++services.back().slices;
    services.back().spans += slice.span_count;
  }
  return services;
}

}  // namespace

std::size_t DecodedRequest::bytes() const {
  std::size_t bytes = 0;
  for (const TraceSlice& slice : split.slices) {
    bytes += slice.otlp.size() + slice.info.size() + slice.change.size() + kSliceCost;
  }
  for (const ServiceSlices& of : services) bytes += of.service.size() + sizeof(of);
  for (const auto& [slice, is_whole] : to_hold) bytes += StoredTraces::bytes_of(slice);
  return bytes;
}

Result<DecodedRequest> decode_body(RequestBody body, const DecodeOptions& options) {
  auto split = split_body(std::move(body), options.max_bytes);
  if (!split) return std::move(split).error();
  if (!options.run.empty()) {
    for (TraceSlice& slice : split->slices) slice.otlp = with_run(slice.otlp, options.run);
  }
  return read_slices(*std::move(split), options.holds_stored);
}

DecodedRequest read_slices(SplitRequest split, bool holds_stored) {
  DecodedRequest request{.split = std::move(split)};
  request.services = services_of(request.split.slices);
  if (holds_stored) request.to_hold = StoredTraces::worth_holding(request.split.slices);
  return request;
}

}  // namespace tracelink
