#include "ipc/server/reply.hpp"

#include "ipc/wire/json_text.hpp"

namespace tracelink {

RpcStatus Reply::status() const {
  constexpr std::chrono::milliseconds kRetryAfter{1000};
  RpcStatus status{code, message, {}};
  if (code == RpcCode::unavailable) status.retry_after = kRetryAfter;
  return status;
}

Reply refuse(RpcCode code, std::string_view message) {
  return Reply{code, printable_ascii(message), 0};
}

Reply no_room() {
  return refuse(RpcCode::unavailable,
                "the connection is closed to make room for another; try again");
}

std::string reply_line(const Reply& reply) {
  if (reply.ok()) return encode_response_json(reply.response()) + "\n";
  return "{\"error\":" + encode_status_json(reply.status()) + "}\n";
}

Reply reply_for_sink_error(const Error& error) {
  const bool never_fits = error.code == ErrorCode::too_large;
  return refuse(never_fits ? RpcCode::resource_exhausted : RpcCode::unavailable, error.message);
}

Reply reply_for_decode_error(const Error& error) {
  const bool large = error.code == ErrorCode::too_large;
  return refuse(large ? RpcCode::resource_exhausted : RpcCode::invalid_argument, error.message);
}

}  // namespace tracelink
