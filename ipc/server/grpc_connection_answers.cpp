#include <utility>
#include <vector>

#include "daemon/text/base64.hpp"
#include "ipc/server/grpc_connection.hpp"
#include "ipc/wire/grpc_text.hpp"

// How a call is answered, and what becomes of an answer that its client does not take.
namespace tracelink {
namespace {

constexpr HeaderField kStatusOk{":status", "200"};
constexpr HeaderField kGrpcContent{"content-type", "application/grpc"};

}  // namespace

void GrpcConnection::answer(std::int32_t stream, GrpcCall& call, const Reply& reply) {
  call.answered = true;
  call.answered_at = context_.clock.steady();
  --unanswered_;
  if (std::exchange(call.serving, false)) --serving_;
  if (reply.ok()) set_served();
  context_.stats.grpc_results.count(reply);
  note_state();
  respond(stream, reply);
}

void GrpcConnection::refuse_call(std::int32_t stream, GrpcCall& call, const Reply& reply) {
  if (call.request != 0) context_.intake.abandon(call.request);
  answer(stream, call, reply);
}

void GrpcConnection::respond(std::int32_t stream, const Reply& reply) {
  if (!reply.ok()) return respond_with_error(stream, reply.status());
  const HeaderField headers[] = {kStatusOk, kGrpcContent};
  session_.respond(stream, headers, frame_grpc_message(encode_response_protobuf(reply.response())),
                   Http2Session::Trailers::grpc_ok);
}

void GrpcConnection::respond_with_error(std::int32_t stream, const RpcStatus& status) {
  const std::string code = std::to_string(static_cast<int>(status.code));
  const std::string message = encode_grpc_message(status.message);
  std::string details, retry_info;
  std::vector<HeaderField> headers = {
      kStatusOk, kGrpcContent, {"grpc-status", code}, {"grpc-message", message}};
  if (status.code == RpcCode::unimplemented) {
    headers.push_back({"grpc-accept-encoding", "identity,gzip,deflate"});
  }
  if (status.retry_after) {
    details = base64_unpadded(encode_status_protobuf(status));
    retry_info = base64_unpadded(encode_retry_info(*status.retry_after));
    headers.push_back({"grpc-status-details-bin", details});
    headers.push_back({"google.rpc.retryinfo-bin", retry_info});  // the only one Python reads
  }
  session_.respond(stream, headers);
}

void GrpcConnection::watch_answers() {
  if (answers_watched_ || calls_.size() == unanswered_) return;
  answers_watched_ = true;
  answer_timer_.expires_after(context_.hold_time);
  answer_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = error ? nullptr : weak.lock();
    if (self) static_cast<GrpcConnection&>(*self).reset_untaken_answers();
  });
}

void GrpcConnection::reset_untaken_answers() {
  answers_watched_ = false;
  const SteadyTime now = context_.clock.steady();
  for (const auto& [stream, call] : calls_) {
    if (!call.answered || now - call.answered_at < context_.hold_time) continue;
    ++context_.stats.answers_not_taken;
    session_.reset(stream);
  }
  flush();
}

}  // namespace tracelink
