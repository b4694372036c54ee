#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tracelink {

// OTLP's AnyValue and KeyValue (opentelemetry-proto common/v1) as views of their encoded bytes, and
// the few encodings that are written. Reading malformed bytes throws protozero::exception, which
// does not leave this folder.

enum class ValueKind { none, string, boolean, integer, real, array, key_values, bytes };

struct AnyValue {
  ValueKind kind = ValueKind::none;
  std::string_view data;  // of a string or bytes; the encoded list of an array or key_values
  std::int64_t integer = 0;
  double real = 0;
  bool boolean = false;
};

struct KeyValue {
  std::string_view key;
  std::string_view value;  // encoded AnyValue
};

AnyValue read_any_value(std::string_view encoded);
KeyValue read_key_value(std::string_view encoded);
std::vector<std::string_view> read_array(std::string_view encoded_list);  // encoded AnyValues
std::vector<KeyValue> read_key_values(std::string_view encoded_list);

std::string write_string_value(std::string_view text);
std::string write_integer_value(std::int64_t value);
// An empty `value` is an AnyValue without value: written by leaving the field out, as MLflow does.
std::string write_key_value(std::string_view key, std::string_view value);

}  // namespace tracelink
