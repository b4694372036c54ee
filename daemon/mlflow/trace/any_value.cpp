#include "daemon/mlflow/trace/any_value.hpp"

#include <protozero/pbf_writer.hpp>

#include "daemon/mlflow/trace/wire.hpp"

namespace tracelink {
namespace {

using Field = protozero::pbf_tag_type;
constexpr Field kString = 1;
constexpr Field kBool = 2;
constexpr Field kInt = 3;
constexpr Field kDouble = 4;
constexpr Field kArray = 5;
constexpr Field kKeyValues = 6;
constexpr Field kBytes = 7;

AnyValue with_data(ValueKind kind, std::string_view data) {
  AnyValue value;
  value.kind = kind;
  value.data = data;
  return value;
}

}  // namespace

AnyValue read_any_value(std::string_view encoded) {
  AnyValue value;
  protozero::pbf_reader reader = reader_of(encoded);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(kString):
        value = with_data(ValueKind::string, take_bytes(reader));
        break;
      case varint_field(kBool):
        value = {};
        value.kind = ValueKind::boolean;
        value.boolean = reader.get_bool();
        break;
      case varint_field(kInt):
        value = {};
        value.kind = ValueKind::integer;
        value.integer = reader.get_int64();
        break;
      case fixed64_field(kDouble):
        value = {};
        value.kind = ValueKind::real;
        value.real = reader.get_double();
        break;
      case bytes_field(kArray):
        value = with_data(ValueKind::array, take_bytes(reader));
        break;
      case bytes_field(kKeyValues):
        value = with_data(ValueKind::key_values, take_bytes(reader));
        break;
      case bytes_field(kBytes):
        value = with_data(ValueKind::bytes, take_bytes(reader));
        break;
      default:
        reader.skip();
    }
  }
  return value;
}

KeyValue read_key_value(std::string_view encoded) {
  KeyValue pair;
  protozero::pbf_reader reader = reader_of(encoded);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(1):
        pair.key = take_bytes(reader);
        break;
      case bytes_field(2):
        pair.value = take_bytes(reader);
        break;
      default:
        reader.skip();
    }
  }
  return pair;
}

std::vector<std::string_view> read_array(std::string_view encoded_list) {
  std::vector<std::string_view> values;
  protozero::pbf_reader reader = reader_of(encoded_list);
  while (reader.next(1, protozero::pbf_wire_type::length_delimited))
    values.push_back(take_bytes(reader));
  return values;
}

std::vector<KeyValue> read_key_values(std::string_view encoded_list) {
  std::vector<KeyValue> pairs;
  for (const std::string_view pair : read_array(encoded_list))
    pairs.push_back(read_key_value(pair));
  return pairs;
}

std::string write_string_value(std::string_view text) {
  std::string encoded;
  protozero::pbf_writer(encoded).add_string(kString, text.data(), text.size());
  return encoded;
}

std::string write_integer_value(std::int64_t value) {
  std::string encoded;
  protozero::pbf_writer(encoded).add_int64(kInt, value);
  return encoded;
}

std::string write_key_value(std::string_view key, std::string_view value) {
  std::string encoded;
  protozero::pbf_writer writer(encoded);
  writer.add_string(1, key.data(), key.size());
  if (!value.empty()) writer.add_message(2, value.data(), value.size());
  return encoded;
}

}  // namespace tracelink
