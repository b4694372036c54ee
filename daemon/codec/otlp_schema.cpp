#include "daemon/codec/otlp_schema.hpp"

#include <array>
#include <cstdlib>

namespace tracelink::otlp {
namespace {

constexpr FieldSpec scalar(Kind kind, std::string_view name) { return {kind, name}; }
constexpr FieldSpec one(MessageType type, std::string_view name) {
  return {Kind::message, name, false, type};
}
constexpr FieldSpec many(MessageType type, std::string_view name) {
  return {Kind::message, name, true, type};
}

constexpr std::string_view kSpanKinds[] = {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL",
                                           "SPAN_KIND_SERVER",      "SPAN_KIND_CLIENT",
                                           "SPAN_KIND_PRODUCER",    "SPAN_KIND_CONSUMER"};
constexpr std::string_view kStatusCodes[] = {"STATUS_CODE_UNSET", "STATUS_CODE_OK",
                                             "STATUS_CODE_ERROR"};

constexpr FieldSpec kTracesData[] = {many(MessageType::resource_spans, "resourceSpans")};

constexpr FieldSpec kResourceSpans[] = {
    one(MessageType::resource, "resource"),
    many(MessageType::scope_spans, "scopeSpans"),
    scalar(Kind::string, "schemaUrl"),
};

constexpr FieldSpec kResource[] = {
    many(MessageType::key_value, "attributes"),
    scalar(Kind::uint32, "droppedAttributesCount"),
    many(MessageType::entity_ref, "entityRefs"),
};

constexpr FieldSpec kEntityRef[] = {
    scalar(Kind::string, "schemaUrl"),
    scalar(Kind::string, "type"),
    {Kind::string, "idKeys", true},
    {Kind::string, "descriptionKeys", true},
};

constexpr FieldSpec kScopeSpans[] = {
    one(MessageType::scope, "scope"),
    many(MessageType::span, "spans"),
    scalar(Kind::string, "schemaUrl"),
};

constexpr FieldSpec kScope[] = {
    scalar(Kind::string, "name"),
    scalar(Kind::string, "version"),
    many(MessageType::key_value, "attributes"),
    scalar(Kind::uint32, "droppedAttributesCount"),
};

constexpr FieldSpec kSpan[] = {
    scalar(Kind::id, "traceId"),
    scalar(Kind::id, "spanId"),
    scalar(Kind::string, "traceState"),
    scalar(Kind::id, "parentSpanId"),
    scalar(Kind::string, "name"),
    {Kind::enumeration, "kind", false, {}, kSpanKinds},
    scalar(Kind::fixed64, "startTimeUnixNano"),
    scalar(Kind::fixed64, "endTimeUnixNano"),
    many(MessageType::key_value, "attributes"),
    scalar(Kind::uint32, "droppedAttributesCount"),
    many(MessageType::event, "events"),
    scalar(Kind::uint32, "droppedEventsCount"),
    many(MessageType::link, "links"),
    scalar(Kind::uint32, "droppedLinksCount"),
    one(MessageType::status, "status"),
    scalar(Kind::fixed32, "flags"),
};

constexpr FieldSpec kEvent[] = {
    scalar(Kind::fixed64, "timeUnixNano"),
    scalar(Kind::string, "name"),
    many(MessageType::key_value, "attributes"),
    scalar(Kind::uint32, "droppedAttributesCount"),
};

constexpr FieldSpec kLink[] = {
    scalar(Kind::id, "traceId"),
    scalar(Kind::id, "spanId"),
    scalar(Kind::string, "traceState"),
    many(MessageType::key_value, "attributes"),
    scalar(Kind::uint32, "droppedAttributesCount"),
    scalar(Kind::fixed32, "flags"),
};

constexpr FieldSpec kStatus[] = {
    {},
    scalar(Kind::string, "message"),
    {Kind::enumeration, "code", false, {}, kStatusCodes},
};

constexpr FieldSpec kKeyValue[] = {
    scalar(Kind::string, "key"),
    one(MessageType::any_value, "value"),
};

constexpr FieldSpec kAnyValue[] = {
    scalar(Kind::string, "stringValue"),
    scalar(Kind::boolean, "boolValue"),
    scalar(Kind::int64, "intValue"),
    scalar(Kind::float64, "doubleValue"),
    one(MessageType::array_value, "arrayValue"),
    one(MessageType::key_value_list, "kvlistValue"),
    scalar(Kind::bytes, "bytesValue"),
};

constexpr FieldSpec kArrayValue[] = {many(MessageType::any_value, "values")};
constexpr FieldSpec kKeyValueList[] = {many(MessageType::key_value, "values")};

// In the order of MessageType.
constexpr MessageSpec kMessages[] = {
    {kTracesData}, {kResourceSpans},  {kResource},   {kEntityRef},    {kScopeSpans},
    {kScope},      {kSpan},           {kEvent},      {kLink},         {kStatus},
    {kKeyValue},   {kAnyValue, true}, {kArrayValue}, {kKeyValueList},
};
static_assert(std::size(kMessages) == static_cast<std::size_t>(MessageType::key_value_list) + 1);

std::string_view name_of(std::span<const std::string_view> names, int value) {
  const auto index = static_cast<std::size_t>(value);
  return value >= 0 && index < names.size() ? names[index] : names.front();
}

}  // namespace

const MessageSpec& spec_of(MessageType type) { return kMessages[static_cast<std::size_t>(type)]; }

WireType wire_type_of(Kind kind) {
  switch (kind) {
    case Kind::string:
    case Kind::bytes:
    case Kind::id:
    case Kind::message:
      return WireType::bytes;
    case Kind::boolean:
    case Kind::uint32:
    case Kind::int64:
    case Kind::enumeration:
      return WireType::varint;
    case Kind::fixed32:
      return WireType::fixed32;
    case Kind::fixed64:
    case Kind::float64:
      return WireType::fixed64;
    case Kind::none:
      break;
  }
  std::abort();
}

const FieldSpec* MessageSpec::find(const WireField& field) const {
  if (field.number > fields.size()) return nullptr;
  const FieldSpec& spec = fields[field.number - 1];
  const bool known = spec.kind != Kind::none && wire_type_of(spec.kind) == field.type;
  return known ? &spec : nullptr;
}

std::string_view span_kind_name(int kind) { return name_of(kSpanKinds, kind); }

std::string_view status_code_name(int code) { return name_of(kStatusCodes, code); }

}  // namespace tracelink::otlp
