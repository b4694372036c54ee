#include "daemon/codec/span_scan.hpp"

#include <algorithm>
#include <cstdint>

#include <protozero/pbf_writer.hpp>

#include "daemon/codec/otlp_check.hpp"
#include "daemon/codec/otlp_repair.hpp"
#include "daemon/codec/split_request.hpp"

namespace tracelink::otlp {
namespace {

constexpr std::uint32_t kTraceId = 1;
constexpr std::uint32_t kSpanId = 2;
constexpr std::uint32_t kParentSpanId = 4;
constexpr std::uint32_t kStartTime = 7;
constexpr std::uint32_t kEndTime = 8;

// The fields that decide about a span; of a repeated one, protobuf takes the last.
struct Essentials {
  std::string_view trace_id;
  std::string_view span_id;
  std::string_view parent_id;
  std::uint64_t start = 0;
  std::uint64_t end = 0;

  void note(const WireField& field) {
    if (field.is(kTraceId, WireType::bytes)) trace_id = field.bytes;
    if (field.is(kSpanId, WireType::bytes)) span_id = field.bytes;
    if (field.is(kParentSpanId, WireType::bytes)) parent_id = field.bytes;
    if (field.is(kStartTime, WireType::fixed64)) start = field.value;
    if (field.is(kEndTime, WireType::fixed64)) end = field.value;
  }

  bool has_zero_parent() const {
    const auto id = SpanId::from_bytes(parent_id);
    return id && id->is_zero();
  }
  bool ends_before_start() const { return end < start; }
};

std::string_view rejection_of(const Essentials& span) {
  const auto trace_id = TraceId::from_bytes(span.trace_id);
  if (!trace_id || trace_id->is_zero()) return kRejectTraceId;
  const auto span_id = SpanId::from_bytes(span.span_id);
  if (!span_id || span_id->is_zero()) return kRejectSpanId;
  if (!span.parent_id.empty() && !SpanId::from_bytes(span.parent_id)) return kRejectParentId;
  return {};
}

SpanScan rejected(Flaw flaw) {
  SpanScan scan;
  scan.malformed = flaw == Flaw::malformed;
  if (flaw == Flaw::too_deep) scan.rejection = kRejectDepth;
  return scan;
}

std::string rewrite(std::string_view span, const Essentials& essentials, std::size_t max_bytes,
                    std::size_t& replaced) {
  const MessageSpec& spec = spec_of(MessageType::span);
  std::string out;
  out.reserve(span.size() + 9);
  WireReader reader(span);
  for (WireField field; reader.next(field);) {
    const bool drop = (essentials.has_zero_parent() && field.is(kParentSpanId, WireType::bytes)) ||
                      (essentials.ends_before_start() && field.is(kEndTime, WireType::fixed64));
    if (!drop) append_repaired(out, field, spec, max_bytes, replaced);
  }
  if (essentials.ends_before_start()) {
    protozero::pbf_writer(out).add_fixed64(kEndTime, essentials.start);
  }
  return out;
}

}  // namespace

SpanScan scan_span(std::string_view span, const SplitLimits& limits) {
  const MessageSpec& spec = spec_of(MessageType::span);
  SpanScan scan;
  Essentials essentials;
  Flaw worst = Flaw::none;
  WireReader reader(span);
  for (WireField field; reader.next(field);) {
    worst = std::max(worst, find_flaw(field, spec, limits.max_depth, scan.messages));
    if (worst == Flaw::malformed) break;
    essentials.note(field);
  }
  if (reader.malformed()) worst = Flaw::malformed;
  if (worst > Flaw::invalid_utf8) return rejected(worst);

  scan.rejection = rejection_of(essentials);
  if (!scan.rejection.empty()) return scan;
  scan.trace_id = *TraceId::from_bytes(essentials.trace_id);
  scan.is_root = essentials.parent_id.empty() || essentials.has_zero_parent();
  scan.end_repaired = essentials.ends_before_start();
  if (scan.end_repaired || essentials.has_zero_parent() || worst == Flaw::invalid_utf8) {
    scan.rewritten = rewrite(span, essentials, limits.max_bytes, scan.replaced_utf8);
  }
  return scan;
}

}  // namespace tracelink::otlp
