#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/wire/rpc_status.hpp"

namespace tracelink {

struct HttpReply {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string body;
  bool keep_alive = true;
  bool answers_head = false;  // its length is told, and the body is not sent
  std::string_view allow;     // for 405
  std::optional<std::chrono::milliseconds> retry_after;
};

// An HTTP/1.1 response with a Content-Length; Retry-After is rounded up to whole seconds.
std::string format_http_response(const HttpReply& reply);

// The HTTP status that OTLP/HTTP clients understand: only 503 makes them try again.
int http_status_of(RpcCode code);

inline constexpr std::string_view kHttpContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace tracelink
