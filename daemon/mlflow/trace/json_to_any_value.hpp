#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// What becomes of an integer beyond int64, which AnyValue cannot hold. Inside an array or object it
// must not stay a number: MLflow stores the text, and then cannot read the trace any more.
enum class BigInteger {
  as_text,    // a string with its digits
  saturated,  // the nearest int64
};

// An encoded AnyValue of the same value as the JSON text: key order kept, `null` as no value (empty
// bytes). Integers, reals, booleans and strings keep their types; NaN and Infinity are read as
// Python reads them.
//
// Nothing if the text is not JSON, or nests too deeply.
std::optional<std::string> json_to_any_value(std::string_view json, BigInteger big_integer);

// Whether there is such a value.
bool is_any_value(std::string_view json);

// Whether the value would be nested so deeply in a span attribute that protobuf's usual limit of
// 100 messages makes the span unreadable. Looks at brackets only.
bool nests_too_deeply(std::string_view json);

// The string if the text is a JSON string, else nothing.
std::optional<std::string> json_to_string(std::string_view json);

}  // namespace tracelink
