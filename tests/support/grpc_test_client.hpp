#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "tests/support/raw_client.hpp"

namespace tracelink {

struct GrpcAnswer {
  std::map<std::string, std::string> headers;  // and trailers
  std::string body;
  bool closed = false;
  std::uint32_t reset_code = 0;

  std::string status() const {
    const auto it = headers.find("grpc-status");
    return it == headers.end() ? "none" : it->second;
  }
};

// A gRPC client for tests over nghttp2 and a RawClient; the test decides when bytes move.
class GrpcTestClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // `window`: how much of each answer the server may send.
  explicit GrpcTestClient(RawClient client, std::uint32_t window = 65535)
      : client_(std::move(client)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* self) {
          auto& answer = static_cast<GrpcTestClient*>(self)->answers_[frame->hd.stream_id];
          answer.headers[text(name, name_size)] = text(value, value_size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                      std::size_t size, void* self) {
          static_cast<GrpcTestClient*>(self)->answers_[stream].body += text(data, size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t stream, std::uint32_t code, void* self) {
          auto& answer = static_cast<GrpcTestClient*>(self)->answers_[stream];
          answer.closed = true;
          answer.reset_code = code;
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          auto& seen = *static_cast<GrpcTestClient*>(self);
          seen.go_away_ |= frame->hd.type == NGHTTP2_GOAWAY;
          seen.pongs_ += frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK);
          return 0;
        });
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &settings, 1);
  }
  ~GrpcTestClient() { nghttp2_session_del(session_); }
  GrpcTestClient(const GrpcTestClient&) = delete;
  GrpcTestClient& operator=(const GrpcTestClient&) = delete;

  // Queues a call; `bytes` is the framed message. `end` false: the stream is left open.
  std::int32_t call(std::string bytes, const Headers& extra = {}, bool end = true) {
    Headers headers = {{":method", "POST"},
                       {":scheme", "http"},
                       {":path", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"},
                       {":authority", "localhost"},
                       {"te", "trailers"},
                       {"content-type", "application/grpc"}};
    for (const auto& [name, value] : extra) {
      std::erase_if(headers, [&](const auto& header) { return header.first == name; });
      headers.insert(name.starts_with(":") ? headers.begin() : headers.end(), {name, value});
    }
    std::vector<nghttp2_nv> values;
    for (auto& [name, value] : headers) {
      values.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                        reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    }
    auto& body = bodies_.emplace_back(std::make_unique<Body>(Body{std::move(bytes), 0, end}));
    nghttp2_data_provider provider{};
    provider.source.ptr = body.get();
    provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* buffer,
                                std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                                void*) -> ssize_t {
      auto& from = *static_cast<Body*>(source->ptr);
      const std::size_t count = std::min(size, from.bytes.size() - from.sent);
      if (count == 0 && !from.end) return NGHTTP2_ERR_DEFERRED;
      std::memcpy(buffer, from.bytes.data() + from.sent, count);
      from.sent += count;
      if (from.sent == from.bytes.size() && from.end) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(count);
    };
    return nghttp2_submit_request(session_, nullptr, values.data(), values.size(), &provider,
                                  nullptr);
  }

  // Everything that may be sent now.
  std::string output() {
    std::string bytes;
    const std::uint8_t* data = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &data)) > 0;) {
      bytes += text(data, static_cast<std::size_t>(size));
    }
    return bytes;
  }
  void flush() { client_.send(output()); }
  // Moves bytes both ways until the stream is closed or the server has closed the connection.
  GrpcAnswer finish(std::int32_t stream) {
    while (!answers_[stream].closed && pump()) {
    }
    return answers_[stream];
  }
  // Until the server has handled everything that was sent before.
  void round_trip() {
    const int before = pongs_;
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    while (pongs_ == before && pump()) {
    }
  }
  void wait_for_go_away() {
    while (!go_away_ && pump()) {
    }
  }
  // False at the end of the connection.
  bool pump() {
    flush();
    const std::string bytes = client_.receive();
    if (bytes.empty()) return false;
    nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                             bytes.size());
    return true;
  }
  void cancel(std::int32_t stream) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    flush();
  }
  bool go_away_seen() const { return go_away_; }
  bool answered(std::int32_t stream) { return answers_[stream].closed; }
  std::size_t unsent(std::size_t call) const {
    return bodies_.at(call)->bytes.size() - bodies_.at(call)->sent;
  }
  RawClient& raw() { return client_; }

 private:
  struct Body {
    std::string bytes;
    std::size_t sent;
    bool end;
  };
  static std::string text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
  }

  RawClient client_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, GrpcAnswer> answers_;
  std::vector<std::unique_ptr<Body>> bodies_;
  bool go_away_ = false;
  int pongs_ = 0;
};

}  // namespace tracelink
