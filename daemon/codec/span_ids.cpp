#include "daemon/codec/span_ids.hpp"

#include "daemon/codec/span_visitor.hpp"

namespace tracelink {

namespace {

constexpr std::uint32_t kSpanId = 2;  // of Span

SpanId id_of(std::string_view span) {
  SpanId id;
  WireReader reader(span);
  for (WireField field; reader.next(field);) {
    if (field.is(kSpanId, WireType::bytes)) id = SpanId::from_bytes(field.bytes).value_or(SpanId{});
  }
  return id;
}

}  // namespace

Result<std::vector<SpanId>> span_ids(std::string_view traces_data) {
  std::vector<SpanId> ids;
  const bool well_formed =
      visit_spans(traces_data, [&](std::string_view span) { ids.push_back(id_of(span)); });
  if (!well_formed) return Error{ErrorCode::corrupt, "not a TracesData message"};
  return ids;
}

}  // namespace tracelink
