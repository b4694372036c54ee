#include "daemon/codec/request_scan.hpp"

#include <algorithm>
#include <utility>

#include <protozero/pbf_writer.hpp>

#include "daemon/codec/otlp_repair.hpp"
#include "daemon/codec/span_scan.hpp"

namespace tracelink::otlp {
namespace {

constexpr std::uint32_t kResourceSpans = 1;  // in the request
constexpr std::uint32_t kScopeSpans = 2;     // in ResourceSpans
constexpr std::uint32_t kSpans = 2;          // in ScopeSpans

Error malformed() { return {ErrorCode::invalid, "not an OTLP trace request in protobuf"}; }

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
  if (auto counted = count_item(); !counted) return counted;
  const std::size_t spans_before = spans_.size();
  const Flaw flaw = add_header(message, MessageType::resource_spans, resources_);
  if (flaw == Flaw::malformed) return malformed();
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (!field.is(kScopeSpans, WireType::bytes)) continue;
    if (auto done = scan_scope_spans(field.bytes, flaw); !done) return done;
  }
  if (spans_.size() == spans_before) drop_header(resources_);
  return {};
}

Result<void> RequestScan::scan_scope_spans(std::string_view message, Flaw inherited) {
  if (auto counted = count_item(); !counted) return counted;
  const std::size_t spans_before = spans_.size();
  const Flaw own = add_header(message, MessageType::scope_spans, scopes_);
  if (own == Flaw::malformed) return malformed();
  const Flaw flaw = std::max(inherited, own);
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (!field.is(kSpans, WireType::bytes)) continue;
    if (auto done = add_span(field, flaw); !done) return done;
  }
  if (spans_.size() == spans_before) drop_header(scopes_);
  return {};
}

Result<void> RequestScan::add_span(const WireField& field, Flaw inherited) {
  if (auto counted = count_item(); !counted) return counted;
  ++spans_seen_;
  if (inherited == Flaw::too_deep) {
    reject(kRejectDepth);
    return {};
  }
  const SpanScan span = scan_span(field.bytes, limits_);
  if (span.malformed) return malformed();
  if (!span.rejection.empty()) {
    reject(span.rejection);
    return {};
  }
  messages_seen_ += span.messages;
  if (auto few = check_messages(); !few) return few;
  const std::uint32_t slice = slice_of(span.trace_id);
  if (slice > limits_.max_bytes / kSliceCost) {
    return Error{ErrorCode::too_large, "more than " + std::to_string(slice) + " traces"};
  }
  ++outcome_.slices[slice].span_count;
  outcome_.slices[slice].root_seen |= span.is_root;
  if (span.end_repaired) ++outcome_.repaired_ends;
  auto bytes = field.whole;
  if (span.rewritten) {
    std::string whole;
    protozero::pbf_writer(whole).add_bytes(kSpans, span.rewritten->data(), span.rewritten->size());
    bytes = keep_rewritten(std::move(whole));
    outcome_.replaced_utf8 += span.replaced_utf8;
  }
  spans_.push_back({slice, static_cast<std::uint32_t>(resources_.size() - 1),
                    static_cast<std::uint32_t>(scopes_.size() - 1), bytes});
  if (rewritten_bytes_ > limits_.max_bytes) {
    return Error{ErrorCode::too_large, "more than " + std::to_string(limits_.max_bytes) +
                                           " bytes of spans with repaired texts"};
  }
  return {};
}

// Adds the header even when it is flawed, so that the indices of what follows stay right.
Flaw RequestScan::add_header(std::string_view message, MessageType type,
                             std::vector<Header>& headers) {
  const MessageSpec& spec = spec_of(type);
  const std::uint32_t inner = type == MessageType::resource_spans ? kScopeSpans : kSpans;
  Header& header = headers.emplace_back(Header{pieces_.size(), 0, 0});
  Flaw worst = Flaw::none;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.is(inner, WireType::bytes)) continue;
    const Flaw flaw = find_flaw(field, spec, limits_.max_depth, messages_seen_);
    if (flaw == Flaw::malformed) return flaw;
    worst = std::max(worst, flaw);
    if (flaw == Flaw::invalid_utf8) {
      add_repaired_piece(header, field, spec);
    } else {
      add_piece(header, field.whole);
    }
  }
  if (worst != Flaw::none) differs_ = true;  // even with no span under it
  return reader.malformed() ? Flaw::malformed : worst;
}

// What has no span under it says nothing, costs no memory, and is not kept.
void RequestScan::drop_header(std::vector<Header>& headers) {
  differs_ = true;
  pieces_.resize(headers.back().first_piece);
  headers.pop_back();
}

void RequestScan::add_repaired_piece(Header& header, const WireField& field,
                                     const MessageSpec& spec) {
  std::string repaired;
  std::size_t replaced = 0;
  append_repaired(repaired, field, spec, limits_.max_bytes, replaced);
  outcome_.replaced_utf8 += replaced;
  add_piece(header, keep_rewritten(std::move(repaired)));
}

Result<void> RequestScan::count_item() {
  if (++items_seen_ <= limits_.max_items) return {};
  return Error{ErrorCode::too_large,
               "more than " + std::to_string(limits_.max_items) + " resources, scopes and spans"};
}

Result<void> RequestScan::check_messages() const {
  if (messages_seen_ <= limits_.max_bytes / kMessageCost) return {};
  return Error{ErrorCode::too_large, "more than " +
                                         std::to_string(limits_.max_bytes / kMessageCost) +
                                         " attributes, values, events and links"};
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

std::string_view RequestScan::keep_rewritten(std::string field) {
  differs_ = true;
  rewritten_bytes_ += field.size();
  return rewritten_.emplace_back(std::move(field));
}

std::uint32_t RequestScan::slice_of(const TraceId& trace_id) {
  std::vector<TraceSlice>& slices = outcome_.slices;
  if (!spans_.empty() && slices[spans_.back().slice].trace_id == trace_id) {
    return spans_.back().slice;
  }
  const auto [entry, is_new] =
      slice_by_trace_.try_emplace(trace_id, static_cast<std::uint32_t>(slices.size()));
  if (is_new) slices.emplace_back().trace_id = trace_id;
  return entry->second;
}

}  // namespace tracelink::otlp
