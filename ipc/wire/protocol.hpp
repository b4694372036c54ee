#pragma once

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

// Which protocol a connection speaks, from the first bytes it sent (DESIGN section 4). Decides
// within three bytes: POST, PUT and PATCH share their first letter with the preface.
Protocol detect_protocol(std::string_view first_bytes);

}  // namespace tracelink
