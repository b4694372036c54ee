#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <nghttp2/nghttp2.h>

namespace tracelink::bench {

// One HTTP/2 connection to a Unix socket that makes one TraceService/Export call at a time. Never
// blocks: the caller polls `descriptor()` for `wants()` and then calls `advance()`.
//
// Errors: those of the connection end the process: a benchmark with a broken daemon has no result.
class GrpcConnection {
 public:
  explicit GrpcConnection(const std::string& socket_path);
  ~GrpcConnection();
  GrpcConnection(const GrpcConnection&) = delete;
  GrpcConnection& operator=(const GrpcConnection&) = delete;

  // Precondition: no call is open. `message` is a gRPC message with its header.
  void call(std::string message);

  enum class Call { idle, open, succeeded, failed };
  // The state of the latest call; `succeeded` and `failed` are told once, then it is idle.
  Call take_outcome();

  int descriptor() const { return descriptor_; }
  short wants() const;  // POLLIN, and POLLOUT while bytes wait
  void advance();       // reads and writes what is possible now

 private:
  struct SessionDeleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  static ssize_t read_body(nghttp2_session*, int32_t, uint8_t* buffer, size_t length,
                           uint32_t* flags, nghttp2_data_source* source, void*);
  static int on_header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name,
                       size_t name_length, const uint8_t* value, size_t value_length, uint8_t,
                       void* connection);
  static int on_stream_close(nghttp2_session*, int32_t, uint32_t error, void* connection);
  void write();
  void read();

  int descriptor_ = -1;
  std::unique_ptr<nghttp2_session, SessionDeleter> session_;
  std::string message_;
  std::size_t message_sent_ = 0;
  std::string outbox_;
  bool status_ok_ = false;
  Call call_ = Call::idle;
};

}  // namespace tracelink::bench
