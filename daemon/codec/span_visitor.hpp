#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/codec/wire_reader.hpp"

namespace tracelink {

// Calls visit(std::string_view span) for each span of a TracesData message, in its order
// (opentelemetry-proto: TracesData → ResourceSpans → ScopeSpans → Span). False: the message is
// malformed; what stands before the damage was visited.
template <class Visit>
bool visit_spans(std::string_view traces_data, const Visit& visit) {
  constexpr std::uint32_t kResourceSpans = 1, kScopeSpans = 2, kSpans = 2;
  bool well_formed = true;
  const auto each = [&](std::string_view message, std::uint32_t number, const auto& with) {
    WireReader reader(message);
    for (WireField field; reader.next(field);) {
      if (field.is(number, WireType::bytes)) with(field.bytes);
    }
    well_formed = well_formed && !reader.malformed();
  };
  each(traces_data, kResourceSpans, [&](std::string_view resource_spans) {
    each(resource_spans, kScopeSpans,
         [&](std::string_view scope_spans) { each(scope_spans, kSpans, visit); });
  });
  return well_formed;
}

}  // namespace tracelink
