#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// Standard alphabet without padding: what gRPC asks of `-bin` header values.
std::string encode_base64(std::string_view bytes);

}  // namespace tracelink
