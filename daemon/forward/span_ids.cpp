#include "daemon/forward/span_ids.hpp"

#include <string>

#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

namespace tracelink {

namespace {

using protozero::pbf_reader;
constexpr auto kBytes = protozero::pbf_wire_type::length_delimited;

// Field numbers of opentelemetry-proto trace/v1/trace.proto.
constexpr std::uint32_t kResourceSpans = 1;  // of TracesData
constexpr std::uint32_t kScopeSpans = 2;     // of ResourceSpans
constexpr std::uint32_t kSpans = 2;          // of ScopeSpans
constexpr std::uint32_t kSpanId = 2;         // of Span

SpanId id_of(pbf_reader span) {
  SpanId id;
  while (span.next(kSpanId, kBytes)) {
    const auto view = span.get_view();
    id = SpanId::from_bytes({view.data(), view.size()}).value_or(SpanId{});
  }
  return id;
}

std::vector<SpanId> scan(pbf_reader traces) {
  std::vector<SpanId> ids;
  while (traces.next(kResourceSpans, kBytes)) {
    pbf_reader resource = traces.get_message();
    while (resource.next(kScopeSpans, kBytes)) {
      pbf_reader scope = resource.get_message();
      while (scope.next(kSpans, kBytes)) ids.push_back(id_of(scope.get_message()));
    }
  }
  return ids;
}

}  // namespace

Result<std::vector<SpanId>> span_ids(std::string_view traces_data) {
  try {
    return scan(pbf_reader(traces_data.data(), traces_data.size()));
  } catch (const protozero::exception& error) {
    return Error{ErrorCode::corrupt, std::string("not a TracesData message: ") + error.what()};
  }
}

}  // namespace tracelink
