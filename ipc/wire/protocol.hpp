#pragma once

#include <cstddef>
#include <string_view>

namespace tracelink {

enum class Protocol {
  undecided,   // more bytes are needed
  grpc,        // the HTTP/2 preface
  http,        // an HTTP/1.1 request line
  json_lines,  // '{'
  tls,         // a TLS hello: the client was told to use TLS
  unknown,
};

// Which protocol a connection speaks, from the first bytes it sent, less what skipped_bytes() says.
// Decides within three bytes: POST, PUT and PATCH share their first letter with the preface.
Protocol detect_protocol(std::string_view first_bytes);

// How many bytes at the front mean nothing in any protocol: blanks, line ends, a byte order mark
// (whole: a part of one is not skipped yet).
std::size_t skipped_bytes(std::string_view first_bytes);

}  // namespace tracelink
