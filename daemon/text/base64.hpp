#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// RFC 4648 section 4: the standard alphabet, padded.
void append_base64(std::string& out, std::string_view bytes);
std::string base64(std::string_view bytes);

// Without padding: what gRPC asks of the values of `-bin` headers.
std::string base64_unpadded(std::string_view bytes);

// Section 4 or 5 (URL-safe), padded or not; nothing if `text` is anything else.
std::optional<std::string> parse_base64(std::string_view text);

}  // namespace tracelink
