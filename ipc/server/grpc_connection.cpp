#include "ipc/server/grpc_connection.hpp"

#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "ipc/wire/base64.hpp"
#include "ipc/wire/grpc_text.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kMaxUnsentBytes = 256u << 10;
constexpr HeaderField kStatusOk{":status", "200"};
constexpr HeaderField kGrpcContent{"content-type", "application/grpc"};
constexpr HeaderField kJsonContent{"content-type", "application/json"};

}  // namespace

GrpcConnection::GrpcConnection(StreamSocket socket, Peer peer, ServerContext& context,
                               std::string first_bytes)
    : ClientConnection(std::move(socket), peer, context),
      session_(*this),
      first_bytes_(std::move(first_bytes)) {}

Task<void> GrpcConnection::run() {
  bool healthy = session_.receive(std::exchange(first_bytes_, {}));
  flush();
  while (healthy && socket_.is_open() && !session_.finished()) {
    if (output_.size() - output_sent_ > kMaxUnsentBytes) co_await sleep();
    const auto bytes = co_await read_some();
    if (!bytes) break;
    healthy = session_.receive(*bytes);
    flush();
  }
  for (auto& [stream, call] : calls_) context_.intake.abandon(call.request);
  disarm_watchdog();
  abort();
}

void GrpcConnection::finish() {
  if (std::exchange(finishing_, true)) return;
  set_busy();
  session_.go_away();
  flush_soon();
  leave_when_idle();
}

// After GOAWAY the client closes; the watchdog does it for one that does not.
void GrpcConnection::leave_when_idle() {
  if (finishing_ && calls_.empty()) arm_watchdog();
}

void GrpcConnection::on_stream_opened(std::int32_t stream) {
  calls_.try_emplace(stream, context_.intake.max_request_bytes());
  set_busy();
}

void GrpcConnection::on_header(std::int32_t stream, HeaderField field) {
  calls_.at(stream).read_header(field);
}

void GrpcConnection::on_headers_end(std::int32_t stream) {
  GrpcCall& call = calls_.at(stream);
  ++context_.stats.grpc_requests;
  if (const auto refusal = call.http_refusal()) {
    ++context_.stats.invalid_requests;
    call.answered = true;
    const HeaderField headers[] = {{":status", refusal->status}, kJsonContent};
    session_.respond(stream, headers,
                     encode_status_json(refuse(RpcCode::unimplemented, refusal->message).status()),
                     Http2Session::Trailers::none);
  } else if (const auto reply = call.refusal()) {
    refuse_call(stream, call, *reply);
  } else {
    call.request = context_.intake.begin(weak_from_this(), static_cast<std::uint64_t>(stream),
                                         peer_, call.timeout());
  }
}

void GrpcConnection::on_data(std::int32_t stream, std::string_view bytes) {
  const auto it = calls_.find(stream);
  if (it == calls_.end()) return session_.consumed(stream, bytes.size());
  GrpcCall& call = it->second;
  call.unconsumed_bytes += bytes.size();
  if (!call.answered) receive_message(stream, call, bytes);
  if (call.admitted || call.answered) give_window_back(stream, call);
}

void GrpcConnection::receive_message(std::int32_t stream, GrpcCall& call, std::string_view bytes) {
  if (const auto fed = call.deframer.feed(bytes); !fed) {
    const bool large = fed.error().code == ErrorCode::too_large;
    ++(large ? context_.stats.too_large_requests : context_.stats.invalid_requests);
    return refuse_call(stream, call, reply_for_decode_error(fed.error()));
  }
  const auto announced = call.deframer.announced_bytes();
  if (announced && !std::exchange(call.asked, true)) {
    call.admitted = context_.intake.reserve(call.request, *announced);
  }
}

void GrpcConnection::on_stream_end(std::int32_t stream) {
  const auto it = calls_.find(stream);
  if (it == calls_.end()) return;
  it->second.ended = true;
  if (it->second.answered) return;
  if (const auto reply = it->second.incomplete()) {
    ++context_.stats.invalid_requests;
    return refuse_call(stream, it->second, *reply);
  }
  submit_if_complete(it->second);
}

void GrpcConnection::on_stream_closed(std::int32_t stream) {
  const auto it = calls_.find(stream);
  if (it == calls_.end()) return;
  if (!it->second.answered) context_.intake.abandon(it->second.request);
  if (it->second.unconsumed_bytes > 0) {
    session_.consumed_of_closed_stream(it->second.unconsumed_bytes);
  }
  calls_.erase(it);
  if (!calls_.empty()) return;
  set_idle();
  leave_when_idle();
}

void GrpcConnection::on_admitted(std::uint64_t token) {
  const auto stream = static_cast<std::int32_t>(token);
  const auto it = calls_.find(stream);
  if (it == calls_.end()) return;
  it->second.admitted = true;
  give_window_back(stream, it->second);
  submit_if_complete(it->second);
  flush_soon();
}

void GrpcConnection::submit_if_complete(GrpcCall& call) {
  if (!call.ended || !call.admitted || call.answered) return;
  RequestBody body{BodyFormat::protobuf, call.message_encoding(), call.deframer.take_message()};
  context_.intake.submit(call.request, std::move(body), call.take_experiment());
}

void GrpcConnection::on_reply(std::uint64_t token, Reply reply) {
  const auto stream = static_cast<std::int32_t>(token);
  const auto it = calls_.find(stream);
  if (it == calls_.end()) return;
  it->second.answered = true;
  give_window_back(stream, it->second);
  respond(stream, reply);
  flush_soon();
}

void GrpcConnection::refuse_call(std::int32_t stream, GrpcCall& call, const Reply& reply) {
  call.answered = true;
  if (call.request != 0) context_.intake.abandon(call.request);
  respond(stream, reply);
}

void GrpcConnection::give_window_back(std::int32_t stream, GrpcCall& call) {
  if (const std::size_t bytes = std::exchange(call.unconsumed_bytes, 0); bytes > 0) {
    session_.consumed(stream, bytes);
  }
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
    details = encode_base64(encode_status_protobuf(status));
    retry_info = encode_base64(encode_retry_info(*status.retry_after));
    headers.push_back({"grpc-status-details-bin", details});
    headers.push_back({"google.rpc.retryinfo-bin", retry_info});  // the only one Python reads
  }
  session_.respond(stream, headers);
}

// Posted, so that the answers of one group leave with one system call.
void GrpcConnection::flush_soon() {
  if (std::exchange(flush_posted_, true)) return;
  boost::asio::post(socket_.get_executor(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self) static_cast<GrpcConnection&>(*self).flush();
  });
}

void GrpcConnection::flush() {
  flush_posted_ = false;
  if (write_waiting_ || !socket_.is_open()) return;
  session_.take_output(output_);
  std::string_view rest = std::string_view(output_).substr(output_sent_);
  if (!write_now(rest)) return abort();
  output_sent_ = output_.size() - rest.size();
  if (!rest.empty()) return wait_until_writable();
  output_.clear();
  output_sent_ = 0;
  wake();
}

void GrpcConnection::wait_until_writable() {
  write_waiting_ = true;
  arm_watchdog();
  socket_.async_wait(StreamSocket::wait_write,
                     [weak = weak_from_this()](const boost::system::error_code& error) {
                       const auto self = std::static_pointer_cast<GrpcConnection>(weak.lock());
                       if (!self) return;
                       self->write_waiting_ = false;
                       self->disarm_watchdog();
                       self->leave_when_idle();
                       if (error) {
                         self->abort();
                       } else {
                         self->flush();
                       }
                     });
}

}  // namespace tracelink
