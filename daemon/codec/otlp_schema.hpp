#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/codec/wire_reader.hpp"

namespace tracelink::otlp {

// What a field holds, which decides its wire type, its JSON form and its checks.
enum class Kind : std::uint8_t {
  none,    // no such field: a gap in the numbers
  string,  // UTF-8
  bytes,   // base64 in JSON
  id,      // bytes, hex in JSON
  boolean,
  uint32,
  int64,  // a string in JSON
  fixed32,
  fixed64,  // a string in JSON
  float64,
  enumeration,  // a number or a name in JSON
  message,
};

enum class MessageType : std::uint8_t {
  traces_data,  // = ExportTraceServiceRequest
  resource_spans,
  resource,
  entity_ref,
  scope_spans,
  scope,
  span,
  event,
  link,
  status,
  key_value,
  any_value,
  array_value,
  key_value_list,
};

struct FieldSpec {
  Kind kind = Kind::none;
  std::string_view json_name;
  bool repeated = false;
  MessageType message{};                           // of Kind::message
  std::span<const std::string_view> enum_names{};  // of Kind::enumeration, by value
};

// One message type: the field with number n is fields[n - 1].
struct MessageSpec {
  std::span<const FieldSpec> fields;
  bool is_oneof = false;  // at most one field is set, and a default value counts as set

  // Nothing for a field that this schema does not know, or with a wire type that it does not have;
  // protobuf parsers keep both as unknown.
  const FieldSpec* find(const WireField& field) const;
};

// The messages of opentelemetry-proto trace/v1, resource/v1 and common/v1 (1.9), less the fields
// that only profiles use.
const MessageSpec& spec_of(MessageType type);

WireType wire_type_of(Kind kind);

// Protobuf messages inside one another beyond which the JSON conversions refuse, so that the stack
// is bounded; far more than any valid span has (SplitLimits::max_depth).
inline constexpr int kMaxMessageDepth = 256;

// The names that the schema gives to a span's kind and to its status, as OTLP JSON may have them;
// of a value that it does not know, the name of none.
std::string_view span_kind_name(int kind);
std::string_view status_code_name(int code);

}  // namespace tracelink::otlp
