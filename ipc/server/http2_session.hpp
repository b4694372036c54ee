#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

struct nghttp2_session;

namespace tracelink {

inline constexpr std::uint32_t kMaxHeaderListBytes = 16u << 10;

struct HeaderField {
  std::string_view name;
  std::string_view value;
};

// What a client does on its streams. Called from inside Http2Session::receive() and, for closed
// streams, take_output().
class Http2Events {
 public:
  virtual ~Http2Events() = default;
  virtual void on_stream_opened(std::int32_t stream) = 0;
  virtual bool on_header(std::int32_t stream, HeaderField field) = 0;  // false: as broken protocol
  virtual void on_headers_end(std::int32_t stream) = 0;
  virtual void on_data(std::int32_t stream, std::string_view bytes) = 0;
  virtual void on_stream_end(std::int32_t stream) = 0;  // the client has sent everything
  virtual void on_stream_closed(std::int32_t stream) = 0;
};

// The server's side of one HTTP/2 connection over nghttp2, without I/O: bytes in, bytes out.
//
// HTTP messaging is not checked here: Java sends a path as :authority, which nghttp2 refuses, so
// the requests themselves are checked by GrpcCall. Windows reopen only by consumed().
class Http2Session {
 public:
  explicit Http2Session(Http2Events& events);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // False: the client broke the protocol; send what take_output() gives, then close.
  bool receive(std::string_view bytes);

  // Appends what is due to be sent.
  void take_output(std::string& output);

  // One response with a body, or with headers alone. If the client is still sending, its stream is
  // reset (NO_ERROR) right after, so that it stops and reads the answer.
  enum class Trailers { none, grpc_ok };
  void respond(std::int32_t stream, std::span<const HeaderField> headers, std::string body,
               Trailers trailers);
  void respond(std::int32_t stream, std::span<const HeaderField> headers);

  // Gives window back for received bytes; also for the connection alone, when their stream is gone.
  void consumed(std::int32_t stream, std::size_t bytes);
  void consumed_of_closed_stream(std::size_t bytes);

  void reset(std::int32_t stream);  // CANCEL

  void go_away();    // streams opened so far are still served
  void terminate();  // GOAWAY that says ENHANCE_YOUR_CALM; nothing else is sent
  bool finished() const;

 private:
  struct Body {
    std::string bytes;
    std::size_t sent = 0;
    Trailers trailers = Trailers::none;
  };
  struct Callbacks;

  Http2Events& events_;
  std::unordered_map<std::int32_t, Body> bodies_;
  std::unique_ptr<nghttp2_session, void (*)(nghttp2_session*)> session_;
};

}  // namespace tracelink
