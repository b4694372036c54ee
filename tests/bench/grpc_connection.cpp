#include "tests/bench/grpc_connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tracelink::bench {

namespace {

[[noreturn]] void die(const char* what, const char* why) {
  std::fprintf(stderr, "tracelink-bench: %s: %s\n", what, why);
  std::exit(1);
}

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) die(path.c_str(), "the path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0 ||
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    die(path.c_str(), std::strerror(errno));
  }
  ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
  return descriptor;
}

nghttp2_nv header(std::string_view name, std::string_view value) {
  auto bytes = [](std::string_view text) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): nghttp2 only reads it.
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

GrpcConnection::GrpcConnection(const std::string& socket_path)
    : descriptor_(connect_to(socket_path)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) die("nghttp2", "out of memory");
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session* session = nullptr;
  if (nghttp2_session_client_new(&session, callbacks, this) != 0) die("nghttp2", "out of memory");
  session_.reset(session);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
}

GrpcConnection::~GrpcConnection() { ::close(descriptor_); }

void GrpcConnection::call(std::string message) {
  message_ = std::move(message);
  message_sent_ = 0;
  status_ok_ = false;
  call_ = Call::open;
  const std::array headers{
      header(":method", "POST"),
      header(":scheme", "http"),
      header(":path", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"),
      header(":authority", "localhost"),
      header("te", "trailers"),
      header("content-type", "application/grpc"),
      header("user-agent", "tracelink-bench"),
      header("grpc-timeout", "10S"),
  };
  nghttp2_data_provider body{};
  body.source.ptr = this;
  body.read_callback = read_body;
  if (nghttp2_submit_request(session_.get(), nullptr, headers.data(), headers.size(), &body,
                             nullptr) < 0) {
    die("nghttp2", "no more streams on this connection");
  }
  write();
}

GrpcConnection::Call GrpcConnection::take_outcome() {
  const Call outcome = call_;
  if (outcome != Call::open) call_ = Call::idle;
  return outcome;
}

short GrpcConnection::wants() const {
  const bool writes = !outbox_.empty() || nghttp2_session_want_write(session_.get()) != 0;
  return static_cast<short>(POLLIN | (writes ? POLLOUT : 0));
}

void GrpcConnection::advance() {
  read();
  write();
}

ssize_t GrpcConnection::read_body(nghttp2_session*, int32_t, uint8_t* buffer, size_t length,
                                  uint32_t* flags, nghttp2_data_source* source, void*) {
  auto& self = *static_cast<GrpcConnection*>(source->ptr);
  const std::size_t part = std::min(length, self.message_.size() - self.message_sent_);
  self.message_.copy(reinterpret_cast<char*>(buffer), part, self.message_sent_);
  self.message_sent_ += part;
  if (self.message_sent_ == self.message_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(part);
}

int GrpcConnection::on_header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name,
                              size_t name_length, const uint8_t* value, size_t value_length,
                              uint8_t, void* connection) {
  const std::string_view key(reinterpret_cast<const char*>(name), name_length);
  const std::string_view text(reinterpret_cast<const char*>(value), value_length);
  if (key == "grpc-status") static_cast<GrpcConnection*>(connection)->status_ok_ = text == "0";
  return 0;
}

int GrpcConnection::on_stream_close(nghttp2_session*, int32_t, uint32_t error, void* connection) {
  auto& self = *static_cast<GrpcConnection*>(connection);
  self.call_ = error == NGHTTP2_NO_ERROR && self.status_ok_ ? Call::succeeded : Call::failed;
  return 0;
}

void GrpcConnection::write() {
  while (true) {
    if (outbox_.empty()) {
      const uint8_t* bytes = nullptr;
      const ssize_t length = nghttp2_session_mem_send(session_.get(), &bytes);
      if (length < 0) die("nghttp2", nghttp2_strerror(static_cast<int>(length)));
      if (length == 0) return;
      outbox_.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
    }
    const ssize_t sent = ::send(descriptor_, outbox_.data(), outbox_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) die("send", std::strerror(errno));
    outbox_.erase(0, static_cast<std::size_t>(sent));
  }
}

void GrpcConnection::read() {
  std::array<uint8_t, 16384> buffer{};
  while (true) {
    const ssize_t length = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (length < 0 && errno == EAGAIN) return;
    if (length < 0) die("recv", std::strerror(errno));
    if (length == 0) die("recv", "the daemon closed the connection");
    const ssize_t used =
        nghttp2_session_mem_recv(session_.get(), buffer.data(), static_cast<std::size_t>(length));
    if (used < 0) die("nghttp2", nghttp2_strerror(static_cast<int>(used)));
  }
}

}  // namespace tracelink::bench
