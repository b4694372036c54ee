#include "daemon/mlflow/trace/resource_repair.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include <protozero/pbf_writer.hpp>

#include "daemon/mlflow/trace/any_value.hpp"
#include "daemon/mlflow/trace/json_to_any_value.hpp"
#include "daemon/mlflow/trace/python_json.hpp"
#include "daemon/mlflow/trace/wire.hpp"

namespace tracelink {
namespace {

// Values nest less deep than spans were accepted with.
bool holds_bytes(std::string_view encoded) {
  const AnyValue value = read_any_value(encoded);
  if (value.kind == ValueKind::array)
    return std::ranges::any_of(read_array(value.data), holds_bytes);
  if (value.kind != ValueKind::key_values) return value.kind == ValueKind::bytes;
  return std::ranges::any_of(read_key_values(value.data),
                             [](const KeyValue& pair) { return holds_bytes(pair.value); });
}

// By way of JSON, which has bytes as base64.
std::optional<std::string> without_bytes(std::string_view encoded) {
  if (!holds_bytes(encoded)) return std::nullopt;
  std::string json;
  append_json_value(json, read_any_value(encoded), NonAscii::as_is);
  return json_to_any_value(json, BigInteger::as_text);
}

// Resource: attributes = 1. Nothing if no attribute holds bytes.
std::optional<std::string> repaired(std::string_view resource, Repairs& repairs) {
  std::string out;
  bool changed = false;
  protozero::pbf_reader reader = reader_of(resource);
  for (const char* begin = resource.data(); reader.next(); begin = reader.data().data()) {
    const bool attribute = reader.tag_and_type() == bytes_field(1);
    const KeyValue pair = attribute ? read_key_value(take_bytes(reader)) : KeyValue{};
    if (!attribute) reader.skip();
    const auto value = attribute ? without_bytes(pair.value) : std::nullopt;
    if (value) {
      protozero::pbf_writer(out).add_message(1, write_key_value(pair.key, *value));
      ++repairs.form;
      changed = true;
    } else {
      out.append(begin, reader.data().data());
    }
  }
  return changed ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

std::string repair_resource(std::string fields, Repairs& repairs) {
  std::string out;
  bool changed = false;
  protozero::pbf_reader reader = reader_of(fields);
  for (const char* begin = fields.data(); reader.next(); begin = reader.data().data()) {
    const bool resource = reader.tag_and_type() == bytes_field(1);
    const auto rest = resource ? repaired(take_bytes(reader), repairs) : std::nullopt;
    if (!resource) reader.skip();
    if (rest) {
      protozero::pbf_writer(out).add_message(1, *rest);
      changed = true;
    } else {
      out.append(begin, reader.data().data());
    }
  }
  return changed ? out : fields;
}

}  // namespace tracelink
