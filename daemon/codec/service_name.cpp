#include "daemon/codec/service_name.hpp"

#include <optional>

#include "daemon/codec/wire_reader.hpp"

namespace tracelink {

namespace {

constexpr std::string_view kKey = "service.name";

// The text of an AnyValue (string_value = 1).
std::string_view text_of(std::string_view any_value) {
  WireReader reader(any_value);
  std::string_view text;
  for (WireField field; reader.next(field);) {
    if (field.is(1, WireType::bytes)) text = field.bytes;
  }
  return text;
}

// The value, if the KeyValue (key = 1, value = 2) has the key.
std::optional<std::string_view> name_in_attribute(std::string_view key_value) {
  WireReader reader(key_value);
  std::string_view key;
  std::string_view value;
  for (WireField field; reader.next(field);) {
    if (field.is(1, WireType::bytes)) key = field.bytes;
    if (field.is(2, WireType::bytes)) value = field.bytes;
  }
  if (key != kKey) return std::nullopt;
  return text_of(value);
}

// Resource: attributes = 1.
std::optional<std::string_view> name_in_resource(std::string_view resource) {
  WireReader reader(resource);
  for (WireField field; reader.next(field);) {
    if (!field.is(1, WireType::bytes)) continue;
    if (const auto name = name_in_attribute(field.bytes)) return name;
  }
  return std::nullopt;
}

}  // namespace

// TracesData: resource_spans = 1; ResourceSpans: resource = 1.
std::string_view service_name(std::string_view traces_data) {
  WireReader reader(traces_data);
  for (WireField field; reader.next(field);) {
    if (!field.is(1, WireType::bytes)) continue;
    WireReader resource_spans(field.bytes);
    for (WireField inner; resource_spans.next(inner);) {
      if (!inner.is(1, WireType::bytes)) continue;
      if (const auto name = name_in_resource(inner.bytes)) return *name;
    }
  }
  return {};
}

}  // namespace tracelink
