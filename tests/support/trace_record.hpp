#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <protozero/pbf_writer.hpp>

#include "daemon/base/clock.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

template <class Id>
Id numbered_id(std::uint64_t n) {
  Id id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.bytes[id.bytes.size() - 1 - i] = static_cast<std::uint8_t>(n >> (8 * i));
  }
  return id;
}
inline TraceId trace_id(std::uint64_t n) { return numbered_id<TraceId>(n); }
inline SpanId span_id(std::uint64_t n) { return numbered_id<SpanId>(n); }

inline LinkHash link_of(char name) {
  LinkHash hash;
  hash.bytes.fill(static_cast<std::uint8_t>(name));
  return hash;
}

using Attributes = std::vector<std::pair<std::string, std::string>>;  // texts

// As a field of a span (9), or of a resource (1).
inline std::string encode_attributes(const Attributes& attributes, std::uint32_t field = 9) {
  std::string bytes;
  for (const auto& [key, text] : attributes) {
    std::string value, pair;
    protozero::pbf_writer(value).add_string(1, text);
    protozero::pbf_writer writer(pair);
    writer.add_string(1, key);
    writer.add_message(2, value);
    protozero::pbf_writer(bytes).add_message(field, pair);
  }
  return bytes;
}

struct TestSpan {
  std::uint64_t id = 1;
  std::uint64_t parent = 0;  // 0: a root
  std::string name = "span";
  std::uint64_t start_ns = 1'000'000'000;
  std::uint64_t end_ns = 2'000'000'000;
  std::string attributes{};  // encoded fields of the span
  std::uint32_t flags = 0;   // 0x300: the parent is remote
};

inline std::string encode_span(const TraceId& trace, const TestSpan& span) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_bytes(1, trace.view().data(), trace.view().size());
  const SpanId id = span_id(span.id);
  writer.add_bytes(2, id.view().data(), id.view().size());
  if (span.parent != 0) {
    const SpanId parent = span_id(span.parent);
    writer.add_bytes(4, parent.view().data(), parent.view().size());
  }
  writer.add_string(5, span.name);
  writer.add_fixed64(7, span.start_ns);
  writer.add_fixed64(8, span.end_ns);
  if (span.flags != 0) writer.add_fixed32(16, span.flags);
  return bytes + span.attributes;
}

// A TracesData message of one resource and scope.
inline std::string encode_spans(const TraceId& trace, const std::vector<TestSpan>& spans,
                                const Attributes& resource = {}) {
  std::string scope_spans, resource_spans, all;
  for (const TestSpan& span : spans) {
    protozero::pbf_writer(scope_spans).add_message(2, encode_span(trace, span));
  }
  protozero::pbf_writer(resource_spans).add_message(1, encode_attributes(resource, 1));
  protozero::pbf_writer(resource_spans).add_message(2, scope_spans);
  protozero::pbf_writer(all).add_message(1, resource_spans);
  return all;
}

inline Record trace_record(std::uint64_t trace, const std::vector<TestSpan>& spans,
                           WallTime accepted_at = {}) {
  Record record;
  record.accepted_at = accepted_at;
  record.link = link_of('a');
  record.slice.trace_id = trace_id(trace);
  record.slice.span_count = static_cast<std::uint32_t>(spans.size());
  record.slice.root_seen =
      std::any_of(spans.begin(), spans.end(), [](const TestSpan& s) { return s.parent == 0; });
  record.slice.otlp = encode_spans(record.slice.trace_id, spans);
  return record;
}

// Spans `first` to `last`; the first one of all traces, 1, is the root and the parent of the
// others.
inline std::vector<TestSpan> spans(std::uint64_t first, std::uint64_t last) {
  std::vector<TestSpan> all;
  for (std::uint64_t id = first; id <= last; ++id) {
    all.push_back({.id = id, .parent = id == 1 ? 0u : 1u, .name = "span " + std::to_string(id)});
  }
  return all;
}

}  // namespace tracelink
