#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <protozero/pbf_writer.hpp>

namespace tracelink::testing {

// Field builders: a message is the sum of its fields. Numbers are those of the .proto files.
inline std::string bytes_field(std::uint32_t number, std::string_view payload) {
  std::string out;
  protozero::pbf_writer(out).add_bytes(number, payload.data(), payload.size());
  return out;
}
inline std::string fixed64_field(std::uint32_t number, std::uint64_t value) {
  std::string out;
  protozero::pbf_writer(out).add_fixed64(number, value);
  return out;
}
inline std::string varint_field(std::uint32_t number, std::uint64_t value) {
  std::string out;
  protozero::pbf_writer(out).add_uint64(number, value);
  return out;
}

inline std::string trace_id(char fill) { return std::string(16, fill); }
inline std::string span_id(char fill) { return std::string(8, fill); }

struct SpanFields {
  std::string trace = trace_id('t');
  std::string id = span_id('s');
  std::optional<std::string> parent = std::nullopt;
  std::optional<std::uint64_t> start = 100;
  std::optional<std::uint64_t> end = 200;
  std::string more = {};  // further fields
};

inline std::string span_message(const SpanFields& span = {}) {
  std::string out = bytes_field(1, span.trace) + bytes_field(2, span.id);
  if (span.parent) out += bytes_field(4, *span.parent);
  if (span.start) out += fixed64_field(7, *span.start);
  if (span.end) out += fixed64_field(8, *span.end);
  return out + span.more;
}

inline std::string join(std::initializer_list<std::string> parts) {
  std::string out;
  for (const auto& part : parts) out += part;
  return out;
}

inline std::string resource_spans(std::string_view fields) { return bytes_field(1, fields); }
inline std::string scope_spans(std::string_view fields) { return bytes_field(2, fields); }
inline std::string span_field(const SpanFields& span = {}) {
  return bytes_field(2, span_message(span));
}

// A request with these spans under one empty scope and resource.
inline std::string request_of(std::initializer_list<SpanFields> spans) {
  std::string fields;
  for (const SpanFields& span : spans) fields += span_field(span);
  return resource_spans(scope_spans(fields));
}

inline std::string key_value(std::string_view key, std::string_view any_value) {
  return bytes_field(1, key) + bytes_field(2, any_value);
}

// AnyValues, `depth` of them inside one another.
inline std::string nested_list(int depth) {
  std::string value = bytes_field(1, "x");
  for (; depth > 1; --depth) value = bytes_field(5, bytes_field(1, value));
  return value;
}
inline std::string nested_map(int depth) {
  std::string value = bytes_field(1, "x");
  for (; depth > 1; --depth) value = bytes_field(6, bytes_field(1, key_value("k", value)));
  return value;
}

}  // namespace tracelink::testing
