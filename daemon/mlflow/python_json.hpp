#pragma once

#include <string>
#include <string_view>

#include "daemon/mlflow/any_value.hpp"

namespace tracelink {

// JSON exactly as Python's json.dumps writes it: ", " and ": ", its escapes, its floats.

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

}  // namespace tracelink
