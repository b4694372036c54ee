#pragma once

#include <cstddef>
#include <string_view>

#include "daemon/codec/otlp_schema.hpp"

namespace tracelink::otlp {

// From the least to the worst.
enum class Flaw {
  none,
  invalid_utf8,  // parsers refuse the message, but it can be repaired
  too_deep,      // AnyValue inside AnyValue beyond the limit
  malformed,     // not protobuf: no parser can read the message that holds it
};

// The worst flaw in a message, or in one field of a message of type `parent`. `depth_left` is how
// many AnyValues may still be inside one another; what is deeper is not looked into, nor are fields
// outside the schema. `messages` grows by the number of those that were looked into.
Flaw find_flaw(std::string_view message, MessageType type, int depth_left, std::size_t& messages);
Flaw find_flaw(const WireField& field, const MessageSpec& parent, int depth_left,
               std::size_t& messages);

// How many messages there are inside one of this type. Precondition: find_flaw() says `none`.
std::size_t count_messages(std::string_view message, MessageType type);

}  // namespace tracelink::otlp
