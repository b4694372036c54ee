#pragma once

#include <cstddef>
#include <string>

#include "daemon/codec/otlp_schema.hpp"

namespace tracelink::otlp {

// Appends a field of a message of type `parent` with U+FFFD for every ill-formed part of its
// strings, at any depth; `replaced` is raised by their number. A text that would grow beyond
// max_bytes makes the field longer than that. Precondition: find_flaw() says `none` or
// `invalid_utf8` of it, which bounds the depth.
void append_repaired(std::string& out, const WireField& field, const MessageSpec& parent,
                     std::size_t max_bytes, std::size_t& replaced);

}  // namespace tracelink::otlp
