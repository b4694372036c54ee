#include "ipc/wire/http_response.hpp"

namespace tracelink {
namespace {

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

}  // namespace

std::string format_http_response(const HttpReply& reply) {
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  text += reason_phrase(reply.status);
  text += "\r\nContent-Type: ";
  text += reply.content_type;
  text += "\r\nContent-Length: " + std::to_string(reply.body.size());
  if (!reply.allow.empty()) {
    text += "\r\nAllow: ";
    text += reply.allow;
  }
  if (reply.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*reply.retry_after);
    text += "\r\nRetry-After: " + std::to_string(seconds.count());
  }
  if (!reply.keep_alive) text += "\r\nConnection: close";
  text += "\r\n\r\n";
  if (!reply.answers_head) text += reply.body;
  return text;
}

int http_status_of(RpcCode code) {
  switch (code) {
    case RpcCode::ok:
      return 200;
    case RpcCode::not_found:
      return 404;
    case RpcCode::permission_denied:
      return 403;
    case RpcCode::resource_exhausted:
      return 413;
    case RpcCode::unavailable:
      return 503;
    case RpcCode::invalid_argument:
    case RpcCode::unimplemented:
    case RpcCode::internal:  // of gRPC alone
      return 400;
  }
  return 400;
}

}  // namespace tracelink
