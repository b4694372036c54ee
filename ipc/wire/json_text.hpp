#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// Bytes outside printable ASCII become '?', so that a message which quotes a client's input is
// valid in every encoding it is sent in.
std::string printable_ascii(std::string_view text);

// A JSON string with its quotes. Precondition: `text` is printable ASCII.
std::string quote_json(std::string_view text);

}  // namespace tracelink
