#include "daemon/codec/request_scan.hpp"

#include <utility>

#include <protozero/pbf_writer.hpp>

#include "daemon/codec/span_scan.hpp"

namespace tracelink::otlp {
namespace {

constexpr std::uint32_t kResourceSpans = 1;  // in the request
constexpr std::uint32_t kScopeSpans = 2;     // in ResourceSpans
constexpr std::uint32_t kSpans = 2;          // in ScopeSpans

Error malformed() { return {ErrorCode::invalid, "not an OTLP trace request in protobuf"}; }

std::string_view reason_of(Flaw flaw) {
  return flaw == Flaw::too_deep ? kRejectDepth : kRejectUtf8;
}

}  // namespace

Result<void> RequestScan::scan(std::string_view request) {
  WireReader reader(request);
  for (WireField field; reader.next(field);) {
    if (!field.is(kResourceSpans, WireType::bytes)) {
      differs_ = true;  // belongs to the request, not to TracesData
      continue;
    }
    if (auto done = scan_resource_spans(field.bytes); !done) return done;
  }
  if (reader.malformed()) return malformed();
  return {};
}

Result<void> RequestScan::scan_resource_spans(std::string_view message) {
  const Flaw flaw = add_header(message, MessageType::resource_spans, resources_);
  if (flaw == Flaw::malformed) return malformed();
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (!field.is(kScopeSpans, WireType::bytes)) continue;
    if (auto done = scan_scope_spans(field.bytes, flaw); !done) return done;
  }
  return {};
}

Result<void> RequestScan::scan_scope_spans(std::string_view message, Flaw inherited) {
  const Flaw own = add_header(message, MessageType::scope_spans, scopes_);
  if (own == Flaw::malformed) return malformed();
  const Flaw flaw = inherited == Flaw::none ? own : inherited;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (!field.is(kSpans, WireType::bytes)) continue;
    if (auto done = add_span(field, flaw); !done) return done;
  }
  return {};
}

Result<void> RequestScan::add_span(const WireField& field, Flaw inherited) {
  if (++spans_seen_ > limits_.max_spans) {
    return Error{ErrorCode::too_large, "more than " + std::to_string(limits_.max_spans) + " spans"};
  }
  if (inherited != Flaw::none) {
    reject(reason_of(inherited));
    return {};
  }
  const SpanScan span = scan_span(field.bytes, limits_.max_depth);
  if (span.malformed) return malformed();
  if (!span.rejection.empty()) {
    reject(span.rejection);
    return {};
  }
  const std::size_t slice = slice_of(span.trace_id);
  ++outcome_.slices[slice].span_count;
  outcome_.slices[slice].root_seen |= span.is_root;
  if (span.end_repaired) ++outcome_.repaired_ends;
  const auto bytes = span.rewritten ? keep_rewritten(*span.rewritten) : field.whole;
  spans_.push_back({slice, resources_.size() - 1, scopes_.size() - 1, bytes});
  return {};
}

// Adds the header even when it is flawed, so that the indices of what follows stay right.
Flaw RequestScan::add_header(std::string_view message, MessageType type,
                             std::vector<Header>& headers) {
  const MessageSpec& spec = spec_of(type);
  const std::uint32_t inner = type == MessageType::resource_spans ? kScopeSpans : kSpans;
  Header& header = headers.emplace_back(Header{pieces_.size(), 0, 0});
  Flaw first = Flaw::none;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.is(inner, WireType::bytes)) continue;
    const Flaw flaw = find_flaw(field, spec, limits_.max_depth);
    if (flaw == Flaw::malformed) return flaw;
    if (first == Flaw::none) first = flaw;
    add_piece(header, field.whole);
  }
  if (first != Flaw::none) differs_ = true;  // even with no span under it
  return reader.malformed() ? Flaw::malformed : first;
}

void RequestScan::add_piece(Header& header, std::string_view piece) {
  header.bytes += piece.size();
  if (header.piece_count > 0) {
    std::string_view& last = pieces_.back();
    if (last.data() + last.size() == piece.data()) {
      last = {last.data(), last.size() + piece.size()};
      return;
    }
  }
  pieces_.push_back(piece);
  ++header.piece_count;
}

void RequestScan::reject(std::string_view reason) {
  differs_ = true;
  ++outcome_.rejected[std::string(reason)];
  if (outcome_.first_rejection.empty()) {
    outcome_.first_rejection =
        "span " + std::to_string(spans_seen_) + ": bad " + std::string(reason);
  }
}

std::string_view RequestScan::keep_rewritten(std::string_view span) {
  differs_ = true;
  std::string& field = rewritten_.emplace_back();
  protozero::pbf_writer(field).add_bytes(kSpans, span.data(), span.size());
  return field;
}

std::size_t RequestScan::slice_of(const TraceId& trace_id) {
  std::vector<TraceSlice>& slices = outcome_.slices;
  if (!spans_.empty() && slices[spans_.back().slice].trace_id == trace_id) {
    return spans_.back().slice;
  }
  const auto [entry, is_new] = slice_by_trace_.try_emplace(trace_id, slices.size());
  if (is_new) slices.push_back({trace_id, 0, false, {}});
  return entry->second;
}

}  // namespace tracelink::otlp
