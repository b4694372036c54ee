#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"

namespace tracelink {

struct UnixHttpReply {
  int status = 0;
  std::string content_type;
  std::string body;
};

// One HTTP/1.1 request over the daemon's Unix socket; blocks for at most `timeout`. An HTTP status
// of any kind is not an error. An empty `body` with an empty `content_type` is no body.
//
// Errors, each with a message for the user of the command line:
//   unavailable  no socket, nobody answers on it, or the connection broke
//   rejected     this user may not open the socket; names the group to join
//   timeout      no complete answer in time
//   too_large    an answer over 64 MiB
//   invalid      the path cannot be a socket's, or the answer is not HTTP
Result<UnixHttpReply> unix_http_request(const std::filesystem::path& socket_path,
                                        std::string_view method, std::string_view target,
                                        std::string_view content_type, std::string body,
                                        std::chrono::milliseconds timeout);

}  // namespace tracelink
