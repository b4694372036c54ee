#include "daemon/codec/split_request.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <protozero/pbf_writer.hpp>

#include "daemon/codec/request_scan.hpp"

namespace tracelink {
namespace {

using otlp::RequestScan;
using Spans = std::span<const RequestScan::Span>;

constexpr std::uint32_t kResourceSpans = 1;  // in TracesData
constexpr std::uint32_t kScopeSpans = 2;     // in ResourceSpans

// The spans at the front that share what `member` names.
Spans leading_run(Spans spans, std::uint32_t RequestScan::Span::* member) {
  const auto end = std::ranges::find_if(
      spans, [&](const auto& span) { return span.*member != spans.front().*member; });
  return spans.first(static_cast<std::size_t>(end - spans.begin()));
}

std::size_t bytes_field_size(std::size_t payload_bytes) {
  constexpr std::size_t kTagBytes = 1;
  return kTagBytes + static_cast<std::size_t>(protozero::length_of_varint(payload_bytes)) +
         payload_bytes;
}

// Measures and writes slices. Every argument is spans of one slice in their order in the request:
// those of one ScopeSpans, of one ResourceSpans, or all.
class SliceWriter {
 public:
  explicit SliceWriter(const RequestScan& scan) : scan_(scan) {}

  std::size_t slice_size(Spans spans) const {
    std::size_t size = 0;
    for (; !spans.empty(); spans = rest_after(spans, &RequestScan::Span::resource)) {
      size += bytes_field_size(resource_size(leading_run(spans, &RequestScan::Span::resource)));
    }
    return size;
  }

  std::string slice(Spans spans) const {
    std::string out;
    out.reserve(slice_size(spans));
    for (; !spans.empty(); spans = rest_after(spans, &RequestScan::Span::resource)) {
      append_resource(out, leading_run(spans, &RequestScan::Span::resource));
    }
    return out;
  }

 private:
  static Spans rest_after(Spans spans, std::uint32_t RequestScan::Span::* member) {
    return spans.subspan(leading_run(spans, member).size());
  }

  std::size_t scope_size(Spans spans) const {
    std::size_t size = scan_.scopes()[spans.front().scope].bytes;
    for (const auto& span : spans) size += span.field.size();
    return size;
  }

  std::size_t resource_size(Spans spans) const {
    std::size_t size = scan_.resources()[spans.front().resource].bytes;
    for (; !spans.empty(); spans = rest_after(spans, &RequestScan::Span::scope)) {
      size += bytes_field_size(scope_size(leading_run(spans, &RequestScan::Span::scope)));
    }
    return size;
  }

  void append_resource(std::string& out, Spans spans) const {
    append_field_start(out, kResourceSpans, resource_size(spans));
    append_header(out, scan_.resources()[spans.front().resource]);
    for (; !spans.empty(); spans = rest_after(spans, &RequestScan::Span::scope)) {
      append_scope(out, leading_run(spans, &RequestScan::Span::scope));
    }
  }

  void append_scope(std::string& out, Spans spans) const {
    append_field_start(out, kScopeSpans, scope_size(spans));
    append_header(out, scan_.scopes()[spans.front().scope]);
    for (const auto& span : spans) out.append(span.field);
  }

  static void append_field_start(std::string& out, std::uint32_t number, std::size_t size) {
    protozero::add_varint_to_buffer(&out,
                                    number << 3 | static_cast<std::uint32_t>(WireType::bytes));
    protozero::add_varint_to_buffer(&out, size);
  }

  void append_header(std::string& out, const RequestScan::Header& header) const {
    for (std::size_t i = 0; i < header.piece_count; ++i) {
      out.append(scan_.pieces()[header.first_piece + i]);
    }
  }

  const RequestScan& scan_;
};

Error over_bytes(std::size_t max_bytes) {
  return {ErrorCode::too_large, "more than " + std::to_string(max_bytes) + " bytes of spans"};
}

// The spans slice by slice, within a slice in their order in the request.
std::vector<RequestScan::Span> by_slice(const RequestScan& scan) {
  std::vector<std::size_t> next;  // for each slice, where its next span goes
  std::size_t end = 0;
  for (const TraceSlice& slice : scan.outcome().slices) {
    next.push_back(end);
    end += slice.span_count;
  }
  std::vector<RequestScan::Span> sorted(end);
  for (const auto& span : scan.spans()) sorted[next[span.slice]++] = span;
  return sorted;
}

// Nothing is allocated for slices before the sum is known: a resource repeated for every trace
// multiplies.
Result<void> write_slices(RequestScan& scan, std::size_t max_bytes) {
  const std::vector<RequestScan::Span> all = by_slice(scan);
  const SliceWriter writer(scan);
  std::size_t total = 0;
  for (Spans rest(all); !rest.empty();) {
    const Spans slice = leading_run(rest, &RequestScan::Span::slice);
    total += writer.slice_size(slice) + (total > 0 ? kSliceCost : 0);
    if (total > max_bytes) return over_bytes(max_bytes);
    rest = rest.subspan(slice.size());
  }
  Spans rest(all);
  for (TraceSlice& slice : scan.outcome().slices) {
    slice.otlp = writer.slice(rest.first(slice.span_count));
    rest = rest.subspan(slice.span_count);
  }
  return {};
}

}  // namespace

Result<SplitRequest> split_request(std::string_view protobuf, const SplitLimits& limits) {
  RequestScan scan(limits);
  if (auto done = scan.scan(protobuf); !done) return std::move(done).error();
  if (scan.is_one_whole_slice()) {
    if (protobuf.size() > limits.max_bytes) return over_bytes(limits.max_bytes);
    scan.outcome().slices.front().otlp = protobuf;
  } else if (auto done = write_slices(scan, limits.max_bytes); !done) {
    return std::move(done).error();
  }
  return std::move(scan.outcome());
}

}  // namespace tracelink
