#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

struct SplitLimits {
  // Sum of the slices' bytes after splitting; each trace counts kSliceCost more.
  // Also bounds the messages in spans, scopes and resources, each counted as kMessageCost.
  std::size_t max_bytes = 64u << 20;
  std::size_t max_items = 1'000'000;  // resources, scopes and spans, also empty and rejected ones
  // Nesting of AnyValue. 32 is the most that protobuf's parsers (100 messages inside one another)
  // read wherever it stands: 33 lists of key and value in an event make MLflow refuse the batch.
  int max_depth = 32;
};

// What a slice costs in memory beside its bytes, until it is stored.
inline constexpr std::size_t kSliceCost = 512;

// What each message inside a span (an attribute, its value, an event, a link) counts for at least,
// since reading it costs that much whatever its length: of 64 MiB of empty ones, a gigabyte.
inline constexpr std::size_t kMessageCost = 16;

// Why a span was rejected: keys of SplitRequest::rejected, fit for a metric label.
inline constexpr std::string_view kRejectTraceId = "trace_id";    // not 16 bytes, or all zero
inline constexpr std::string_view kRejectSpanId = "span_id";      // not 8 bytes, or all zero
inline constexpr std::string_view kRejectParentId = "parent_id";  // neither empty nor 8 bytes
// AnyValue beyond max_depth in the span, its scope or its resource.
inline constexpr std::string_view kRejectDepth = "depth";
// A value of the JSON that the span came as is none of its field.
inline constexpr std::string_view kRejectJson = "json";

struct SplitRequest {
  std::vector<TraceSlice> slices;                 // one per trace id, in order of first appearance
  std::map<std::string, std::uint64_t> rejected;  // reason -> spans; see kReject* above
  std::string first_rejection;                    // for partial_success.error_message
  std::uint64_t repaired_ends = 0;  // spans whose end was before the start and was set to the start
  std::uint64_t replaced_utf8 = 0;  // ill-formed parts of texts, now U+FFFD
  std::uint64_t replaced_surrogates = 0;  // of the JSON that the request came as
};

// Validates an OTLP ExportTraceServiceRequest (protobuf) and splits it into one slice per trace by
// splicing the bytes of its spans (resource and scope are repeated where a trace needs them;
// nothing is re-encoded).
//
// A bad span (trace id not 16 non-zero bytes, span id not 8 non-zero bytes, parent id neither empty
// nor 8 bytes, nesting beyond max_depth) is rejected alone, with its reason counted; a flaw of a
// scope or resource rejects the spans under it. In the slices an end before the start is set to the
// start, an all-zero parent id is dropped, ill-formed UTF-8 is replaced by U+FFFD, and a resource
// or scope without spans is left out. Errors: `invalid` for bytes that are not this message;
// `too_large` for a limit. Threads: any. Source: opentelemetry-proto trace/v1/trace.proto, OTLP
// specification 1.x "Partial Success".
Result<SplitRequest> split_request(std::string_view protobuf, const SplitLimits& limits);

}  // namespace tracelink
