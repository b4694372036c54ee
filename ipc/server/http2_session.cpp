#include "ipc/server/http2_session.hpp"

#include <algorithm>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace tracelink {
namespace {

constexpr std::uint32_t kMaxConcurrentStreams = 100;

std::uint8_t* raw(std::string_view text) {
  // nghttp2 takes pointers to non-const and copies what they point to.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

std::vector<nghttp2_nv> name_values(std::span<const HeaderField> fields) {
  std::vector<nghttp2_nv> values;
  values.reserve(fields.size());
  for (const HeaderField& field : fields) {
    values.push_back({raw(field.name), raw(field.value), field.name.size(), field.value.size(),
                      NGHTTP2_NV_FLAG_NONE});
  }
  return values;
}

std::string_view view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

bool is_request(const nghttp2_frame* frame) {
  return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

}  // namespace

struct Http2Session::Callbacks {
  static Http2Events& events(void* self) { return static_cast<Http2Session*>(self)->events_; }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if (is_request(frame)) events(self).on_stream_opened(frame->hd.stream_id);
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* self) {
    if (!is_request(frame)) return 0;  // trailers mean nothing to an export
    const HeaderField field{view(name, name_size), view(value, value_size)};
    return events(self).on_header(frame->hd.stream_id, field) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    const bool carries_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (is_request(frame)) events(self).on_headers_end(frame->hd.stream_id);
    if (carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      events(self).on_stream_end(frame->hd.stream_id);
    }
    return 0;
  }

  static int data_received(nghttp2_session*, std::uint8_t, std::int32_t stream,
                           const std::uint8_t* data, std::size_t size, void* self) {
    events(self).on_data(stream, view(data, size));
    return 0;
  }

  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    const bool carries_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    const bool ends = carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (ends && nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
      return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                       NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t stream, std::uint32_t, void* self) {
    static_cast<Http2Session*>(self)->bodies_.erase(stream);
    events(self).on_stream_closed(stream);
    return 0;
  }

  static ssize_t read_body(nghttp2_session* session, std::int32_t stream, std::uint8_t* buffer,
                           std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                           void*) {
    auto& body = *static_cast<Body*>(source->ptr);
    const std::size_t count = std::min(size, body.bytes.size() - body.sent);
    body.bytes.copy(reinterpret_cast<char*>(buffer), count, body.sent);
    body.sent += count;
    if (body.sent == body.bytes.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (body.trailers == Trailers::none) return static_cast<ssize_t>(count);
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const HeaderField trailer{"grpc-status", "0"};
      const auto values = name_values(std::span(&trailer, 1));
      if (nghttp2_submit_trailer(session, stream, values.data(), values.size()) != 0) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // resets this stream
      }
    }
    return static_cast<ssize_t>(count);
  }
};

Http2Session::Http2Session(Http2Events& events)
    : events_(events), session_(nullptr, nghttp2_session_del) {
  // Every nghttp2 call here fails only for want of memory, which ends the process like any
  // bad_alloc.
  const auto must = [](int result) {
    if (result != 0) std::abort();
  };
  nghttp2_session_callbacks* callbacks = nullptr;
  must(nghttp2_session_callbacks_new(&callbacks));
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::data_received);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::frame_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::stream_closed);
  nghttp2_option* option = nullptr;
  must(nghttp2_option_new(&option));
  nghttp2_option_set_no_http_messaging(option, 1);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);

  nghttp2_session* session = nullptr;
  must(nghttp2_session_server_new2(&session, callbacks, this, option));
  session_.reset(session);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);

  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxConcurrentStreams},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeaderListBytes}};
  must(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings)));
}

Http2Session::~Http2Session() = default;

bool Http2Session::receive(std::string_view bytes) {
  const ssize_t used = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return used == static_cast<ssize_t>(bytes.size());
}

void Http2Session::take_output(std::string& output) {
  const std::uint8_t* data = nullptr;
  for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_.get(), &data)) > 0;) {
    output += view(data, static_cast<std::size_t>(size));
  }
}

// A failed submit below means that the stream or connection is already going away.

void Http2Session::respond(std::int32_t stream, std::span<const HeaderField> headers,
                           std::string body, Trailers trailers) {
  Body& stored = bodies_[stream];
  stored = {std::move(body), 0, trailers};
  nghttp2_data_provider provider{};
  provider.source.ptr = &stored;
  provider.read_callback = Callbacks::read_body;
  const auto values = name_values(headers);
  if (nghttp2_submit_response(session_.get(), stream, values.data(), values.size(), &provider) !=
      0) {
    bodies_.erase(stream);
  }
}

void Http2Session::respond(std::int32_t stream, std::span<const HeaderField> headers) {
  const auto values = name_values(headers);
  (void)nghttp2_submit_response(session_.get(), stream, values.data(), values.size(), nullptr);
}

void Http2Session::consumed(std::int32_t stream, std::size_t bytes) {
  (void)nghttp2_session_consume(session_.get(), stream, bytes);
}

void Http2Session::consumed_of_closed_stream(std::size_t bytes) {
  (void)nghttp2_session_consume_connection(session_.get(), bytes);
}

void Http2Session::reset(std::int32_t stream) {
  (void)nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}

void Http2Session::go_away() {
  (void)nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session_.get()),
                              NGHTTP2_NO_ERROR, nullptr, 0);
}

void Http2Session::terminate() {
  (void)nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
}

bool Http2Session::finished() const {
  return nghttp2_session_want_read(session_.get()) == 0 &&
         nghttp2_session_want_write(session_.get()) == 0;
}

}  // namespace tracelink
