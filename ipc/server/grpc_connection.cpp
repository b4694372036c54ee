#include "ipc/server/grpc_connection.hpp"

#include <utility>

#include <boost/asio/post.hpp>

namespace tracelink {
namespace {

constexpr std::size_t kMaxUnsentBytes = 256u << 10;
constexpr std::size_t kCallsOfAShare = 4;
constexpr HeaderField kJsonContent{"content-type", "application/json"};

}  // namespace

GrpcConnection::GrpcConnection(StreamSocket socket, Peer peer, ServerContext& context,
                               std::string first_bytes)
    : ClientConnection(std::move(socket), peer, context),
      session_(*this),
      frames_(context.clock.steady()),
      first_bytes_(std::move(first_bytes)),
      header_timer_(socket_.get_executor()),
      answer_timer_(socket_.get_executor()) {}

Task<void> GrpcConnection::run() {
  bool healthy = receive(std::exchange(first_bytes_, {}));
  begun_ = true;
  if (finishing_) say_go_away();
  watch_header();
  flush();
  while (healthy && socket_.is_open() && !session_.finished()) {
    if (output_.size() - output_sent_ > kMaxUnsentBytes) co_await sleep();
    const auto bytes = co_await read_some();
    if (!bytes) break;
    healthy = receive(*bytes);
    if (finishing_) say_go_away();
    watch_header();
    flush();
  }
  for (auto& [stream, call] : calls_) context_.intake.abandon(call.request);
  context_.calls_open -= calls_.size();
  calls_.clear();
  disarm_watchdog();
  header_timer_.cancel();
  answer_timer_.cancel();
  abort();
}

// False: the connection ends, with what is due to be sent.
bool GrpcConnection::receive(std::string_view bytes) {
  if (frames_.take(bytes, context_.clock.steady())) return session_.receive(bytes);
  ++context_.stats.frame_floods;
  session_.terminate();
  return false;
}

void GrpcConnection::evict() {
  constexpr std::chrono::milliseconds kLeaveTime{100};
  for (auto& [stream, call] : calls_) {
    if (!call.answered && !call.serving) refuse_call(stream, call, no_room());
  }
  finish();
  header_timer_.expires_after(kLeaveTime);
  header_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = error ? nullptr : weak.lock();
    if (self) static_cast<GrpcConnection&>(*self).abort();
  });
  header_watched_ = true;
}

void GrpcConnection::finish() {
  if (std::exchange(finishing_, true)) return;
  const bool is_read = begun_ && !has_unread_bytes();
  if (is_read) say_go_away();  // else when that is read: its calls are answered too
}

void GrpcConnection::say_go_away() {
  if (std::exchange(said_go_away_, true)) return;
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
  ++context_.calls_open;
  frames_.add_call();
  ++unanswered_;
  header_open_ = true;
  note_state();
}

// The connection is idle when every call is answered, whether or not the client takes the answers.
void GrpcConnection::note_state() {
  if (serving_ > 0) {
    set_serving();
  } else if (unanswered_ == 0) {
    if (!idle()) set_idle();
  } else if (idle() || !waits_since()) {
    set_waiting();
  }
}

// One header block at a time is open on a connection (RFC 9113 6.10), and none before its preface.
void GrpcConnection::watch_header() {
  const bool is_open = header_open_ || !frames_.has_preface();
  if (is_open == header_watched_ || finishing_) return;
  header_watched_ = is_open;
  if (!is_open) return (void)header_timer_.cancel();
  header_timer_.expires_after(context_.hold_time);
  header_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = error ? nullptr : weak.lock();
    if (!self) return;
    auto& connection = static_cast<GrpcConnection&>(*self);
    ++connection.context_.stats.late_headers;
    connection.abort();
  });
}

bool GrpcConnection::on_header(std::int32_t stream, HeaderField field) {
  const auto it = calls_.find(stream);
  if (it == calls_.end()) return true;  // it was answered and closed meanwhile
  it->second.read_header(field);
  if (!it->second.has_excessive_header()) return true;
  ++context_.stats.large_headers;
  return false;
}

void GrpcConnection::on_headers_end(std::int32_t stream) {
  header_open_ = false;
  const auto it = calls_.find(stream);
  if (it == calls_.end() || it->second.answered) return;
  GrpcCall& call = it->second;
  ++context_.stats.grpc_requests;
  if (call.has_large_header()) ++context_.stats.large_headers;
  if (const auto refusal = call.http_refusal()) {
    ++context_.stats.invalid_requests;
    call.answered = true;
    call.answered_at = context_.clock.steady();
    --unanswered_;
    note_state();
    const HeaderField headers[] = {{":status", refusal->status}, kJsonContent};
    session_.respond(stream, headers,
                     encode_status_json(refuse(RpcCode::unimplemented, refusal->message).status()),
                     Http2Session::Trailers::none);
  } else if (peer_refusal()) {
    refuse_call(stream, call, *peer_refusal());
  } else if (const auto reply = call.refusal()) {
    refuse_call(stream, call, *reply);
  } else if (has_more_than_its_share()) {
    ++context_.stats.overload_replies;
    refuse_call(stream, call, no_room());
  } else {
    call.request = context_.intake.begin(weak_from_this(), static_cast<std::uint64_t>(stream),
                                         peer_, number_, call.timeout());
  }
}

bool GrpcConnection::has_more_than_its_share() const {
  return context_.calls_open > context_.max_calls && calls_.size() > kCallsOfAShare;
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
  if (!announced) return;
  // Whether to read on is told by received(), which counts what has come already.
  if (!std::exchange(call.asked, true)) (void)context_.intake.reserve(call.request, *announced);
  call.admitted = context_.intake.received(call.request, call.deframer.received_bytes());
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
  if (!it->second.answered) {
    --unanswered_;
    if (it->second.serving) --serving_;
  }
  calls_.erase(it);
  --context_.calls_open;
  note_state();
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
  if (!std::exchange(call.serving, true)) ++serving_;
  note_state();
  RequestBody body{BodyFormat::protobuf, call.message_encoding(), call.deframer.take_message()};
  context_.intake.submit(call.request, std::move(body), call.take_experiment());
}

void GrpcConnection::on_reply(std::uint64_t token, Reply reply) {
  const auto stream = static_cast<std::int32_t>(token);
  const auto it = calls_.find(stream);
  if (it == calls_.end()) return;
  give_window_back(stream, it->second);
  answer(stream, it->second, reply);
  flush_soon();
}

void GrpcConnection::give_window_back(std::int32_t stream, GrpcCall& call) {
  if (const std::size_t bytes = std::exchange(call.unconsumed_bytes, 0); bytes > 0) {
    session_.consumed(stream, bytes);
  }
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
  watch_answers();
  std::string_view rest = std::string_view(output_).substr(output_sent_);
  if (!write_now(rest)) return abort();
  output_sent_ = output_.size() - rest.size();
  if (!rest.empty()) return wait_until_writable();
  if (std::exchange(blocked_, false)) {
    disarm_watchdog();
    leave_when_idle();
  }
  output_.clear();
  output_sent_ = 0;
  wake();
}

void GrpcConnection::wait_until_writable() {
  write_waiting_ = true;
  if (!std::exchange(blocked_, true)) {  // until all of it is taken
    arm_watchdog(&ServerStats::answers_not_taken);
  }
  socket_.async_wait(StreamSocket::wait_write,
                     [weak = weak_from_this()](const boost::system::error_code& error) {
                       const auto self = std::static_pointer_cast<GrpcConnection>(weak.lock());
                       if (!self) return;
                       self->write_waiting_ = false;
                       if (error) {
                         self->abort();
                       } else {
                         self->flush();
                       }
                     });
}

}  // namespace tracelink
