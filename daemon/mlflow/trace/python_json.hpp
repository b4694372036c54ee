#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/mlflow/trace/any_value.hpp"

namespace tracelink {

// JSON exactly as Python's json.dumps writes it: ", " and ": ", its escapes, its floats; and what
// only Python takes for JSON.

enum class NonAscii {
  escaped,  // ensure_ascii=True: \uXXXX
  as_is,    // ensure_ascii=False, as MLflow's span attributes are written
};

void append_json_string(std::string& out, std::string_view text, NonAscii non_ascii);
// Python's repr(); NaN, Infinity and -Infinity as json.dumps has them.
void append_json_number(std::string& out, double value);
// Bytes are written as a base64 string.
void append_json_value(std::string& out, const AnyValue& value, NonAscii non_ascii);

std::string json_string(std::string_view text, NonAscii non_ascii);
// The bytes of json_string(), which is not written.
std::size_t json_string_size(std::string_view text, NonAscii non_ascii);

// What stands in for a constant that JSON lacks.
struct PythonConstants {
  std::string_view nan, infinity, minus_infinity;
};
// The text with the constants outside strings replaced, so that a parser of JSON reads it.
std::string replace_python_constants(std::string_view json, const PythonConstants& replacements);

}  // namespace tracelink
