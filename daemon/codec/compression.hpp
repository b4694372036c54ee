#pragma once

#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink {

enum class ContentEncoding { identity, gzip, deflate };

// `invalid` for an encoding that is not accepted; "" is identity.
Result<ContentEncoding> parse_content_encoding(std::string_view name);

// How many bytes the body probably has when it is decompressed: the last member of gzip says it,
// deflate does not. Never more than it can have, and never less than it has now, so that it also
// measures the work.
std::size_t decompressed_bytes(ContentEncoding encoding, std::string_view bytes);

// Errors: `invalid` for bytes that do not decompress or trailing garbage, `too_large` when the
// output would exceed max_bytes (never allocates more than that), or where a body over 4 MiB, or
// one that holds more than decompressed_bytes() told, has more blocks (RFC 1951 3.2.3) than 64 Ki.
// A body is decompressed once, or a second time if it holds more than that. deflate accepts zlib
// and raw (RFC 9110 8.4.1.2). Threads: any.
Result<std::string> decompress(ContentEncoding encoding, std::string_view bytes,
                               std::size_t max_bytes);
std::string compress_gzip(std::string_view bytes);

}  // namespace tracelink
