#pragma once

#include <span>
#include <string>
#include <unordered_map>

#include "ipc/server/client_connection.hpp"
#include "ipc/server/frame_allowance.hpp"
#include "ipc/server/grpc_call.hpp"
#include "ipc/server/http2_session.hpp"

namespace tracelink {

// A gRPC conversation: many calls at once on one HTTP/2 connection.
//
// Calls are bounded over all connections (ServerOptions::max_calls): when that many are open, one
// more is UNAVAILABLE on a connection that has its share.
//
// Back-pressure: window is given back only for calls whose announced message has its memory granted
// by the intake; reading stops while the client does not take what is sent to it. An answer that
// is not taken within hold_time (a window that stays shut) is given up with its stream.
//
// A connection whose frames bring nothing (FrameAllowance) ends.
class GrpcConnection final : public ClientConnection, private Http2Events {
 public:
  GrpcConnection(StreamSocket socket, Peer peer, ServerContext& context, std::string first_bytes);

  Task<void> run() override;
  void finish() override;  // GOAWAY; the client closes, or the watchdog does
  void evict() override;   // the same within a tenth of a second; incomplete calls are answered
  void on_admitted(std::uint64_t token) override;
  void on_reply(std::uint64_t token, Reply reply) override;

 private:
  using Calls = std::unordered_map<std::int32_t, GrpcCall>;

  void on_stream_opened(std::int32_t stream) override;
  bool on_header(std::int32_t stream, HeaderField field) override;
  void on_headers_end(std::int32_t stream) override;
  void on_data(std::int32_t stream, std::string_view bytes) override;
  void on_stream_end(std::int32_t stream) override;
  void on_stream_closed(std::int32_t stream) override;

  bool receive(std::string_view bytes);
  bool has_more_than_its_share() const;
  void receive_message(std::int32_t stream, GrpcCall& call, std::string_view bytes);
  void submit_if_complete(GrpcCall& call);
  void refuse_call(std::int32_t stream, GrpcCall& call, const Reply& reply);
  void give_window_back(std::int32_t stream, GrpcCall& call);
  void respond(std::int32_t stream, const Reply& reply);
  void respond_with_error(std::int32_t stream, const RpcStatus& status);

  void answer(std::int32_t stream, GrpcCall& call, const Reply& reply);
  void note_state();
  void watch_header();
  void watch_answers();
  void reset_untaken_answers();
  void say_go_away();
  void leave_when_idle();
  void flush_soon();
  void flush();
  void wait_until_writable();

  Http2Session session_;
  FrameAllowance frames_;
  Calls calls_;
  std::string first_bytes_;
  std::string output_;
  std::size_t output_sent_ = 0;
  bool write_waiting_ = false;
  bool blocked_ = false;  // since the watchdog was armed for it, the client has not taken all
  bool flush_posted_ = false;
  bool begun_ = false;  // the first bytes are read
  bool finishing_ = false;
  bool said_go_away_ = false;
  bool header_open_ = false;  // a request's header has begun and not ended
  bool header_watched_ = false;
  bool answers_watched_ = false;
  std::size_t unanswered_ = 0;  // calls
  std::size_t serving_ = 0;     // of them
  IoTimer header_timer_;
  IoTimer answer_timer_;
};

}  // namespace tracelink
