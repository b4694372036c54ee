#pragma once

#include <string_view>

#include "daemon/codec/otlp_schema.hpp"

namespace tracelink::otlp {

enum class Flaw {
  none,
  malformed,     // not protobuf: no parser can read the message that holds it
  invalid_utf8,  // parsers refuse the message
  too_deep,      // AnyValue inside AnyValue beyond the limit
};

// The first flaw in a message, or in one field of a message of type `parent`. `depth_left` is how
// many AnyValues may still be inside one another. Fields outside the schema are not looked into.
Flaw find_flaw(std::string_view message, MessageType type, int depth_left);
Flaw find_flaw(const WireField& field, const MessageSpec& parent, int depth_left);

}  // namespace tracelink::otlp
